import { parentPort } from 'node:worker_threads';
import { assert } from '../base/assert.ts';
import { toStreamlineError } from '../base/error.ts';
import { toPlainError, type CatalogReply, type PrepareOrder } from './catalog-messages.ts';
import { prepareArtefact } from './prepare-artefact.ts';

/** Entry point of the catalog's worker thread: one module after the other. */
const port = parentPort;
assert(port !== null, 'catalog-thread runs as a worker thread only');

function answer(order: PrepareOrder): CatalogReply {
  try {
    const artefact = prepareArtefact(order);
    if (!('errors' in artefact)) return { kind: 'prepared', ...artefact };
    const [first, ...rest] = artefact.errors;
    return { kind: 'refused', errors: [toPlainError(first), ...rest.map(toPlainError)] };
  } catch (error) {
    return { kind: 'refused', errors: [toPlainError(toStreamlineError(error))] };
  }
}

port.on('message', (order: PrepareOrder) => port.postMessage(answer(order)));
