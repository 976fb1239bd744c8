import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { generate, type Mix, type SampleTopic } from '../../examples/data/generate.ts';
import { ModuleCatalog } from '../../src/catalog/module-catalog.ts';
import { prepareArtefact } from '../../src/catalog/prepare-artefact.ts';
import { FUEL_PER_MS } from '../../src/catalog/prepared-module.ts';
import type { GuestConfig } from '../../src/guest/guest-config.ts';
import { packBatch, type PackedBatch, type PlainRecord } from '../../src/pipeline/packed-batch.ts';
import { parseSpec } from '../../src/spec/parse-spec.ts';
import type { BatchRunnerSource } from './source.ts';

const root = join(import.meta.dirname, '..', '..');
const MODULES = join(root, 'modules', 'transforms');
const MEMORY_MB = 64;
const INIT_TIMEOUT_MS = 5000;
const RECORDS_PER_BATCH = 2000;
/** Sizes of a value taken as one of 300 bytes. */
const VALUE_BYTES_MIN = 290;
const VALUE_BYTES_MAX = 310;
const SEED = 7;

/** Good records only: odd ones are the tests' business. */
const PLAIN: Mix = { tombstone: 0, malformed: 0, incomplete: 0, spin: 0, trap: 0, nullKey: 0, headers: 0 };

/** Reads, checks, meters and compiles as the sidecar does. */
export async function prepareGuest(module: string, configJson = '{}', timeoutMs = 10): Promise<BatchRunnerSource> {
  const catalog = new ModuleCatalog({ modulesDir: MODULES, warn: (message) => process.stderr.write(`${message}\n`) });
  try {
    const prepared = await catalog.prepare({
      modulePath: module,
      maxMemoryMb: MEMORY_MB,
      initTimeoutMs: INIT_TIMEOUT_MS,
    });
    return { config: guestConfig(module, configJson, timeoutMs), module: prepared };
  } finally {
    await catalog.close();
  }
}

/** A module that is no file. Blocks while it compiles. */
export function prepareBytes(bytes: Uint8Array, name: string): BatchRunnerSource {
  const initialFuel = INIT_TIMEOUT_MS * FUEL_PER_MS;
  const artefact = prepareArtefact({ bytes, maxMemoryMb: MEMORY_MB, initialFuel, cacheDir: undefined });
  if ('errors' in artefact) throw artefact.errors[0];
  const { facts, module } = artefact;
  return { config: guestConfig(name, '{}', 10), module: { facts, module, maxMemoryMb: MEMORY_MB } };
}

/** The same guest as its author built it: no fuel, only what the engine itself costs. */
export function withoutMeter({ config, module }: BatchRunnerSource, bytes: Uint8Array<ArrayBuffer>): BatchRunnerSource {
  return { config, module: { ...module, module: new WebAssembly.Module(bytes) } };
}

export function moduleBytes(module: string): Uint8Array<ArrayBuffer> {
  return readFileSync(join(MODULES, module));
}

function guestConfig(module: string, configJson: string, timeoutMs: number): GuestConfig {
  return {
    transform: module,
    inputTopic: 'bench',
    builtin: undefined,
    payload: 'framed',
    configJson,
    timeoutMs,
    tombstones: 'forward',
    partition: 'key',
    limits: {
      outputBytesMax: 1024 * 1024,
      outputsMax: 1000,
      initTimeoutMs: INIT_TIMEOUT_MS,
      logLinesPerSecond: 100,
      logLineBytesMax: 2048,
    },
  };
}

/** init()'s JSON from one of the specs that come with the project. */
export function specConfigJson(path: string): string {
  const outcome = parseSpec(readFileSync(join(root, path), 'utf8'), path);
  if ('errors' in outcome) throw outcome.errors[0];
  return outcome.config.stages[0].configJson;
}

/** Packed batches of different records, values of about 300 bytes, one partition. */
export function sampleBatches(
  topic: SampleTopic,
  batchCount: number,
  recordsPerBatch = RECORDS_PER_BATCH,
): PackedBatch[] {
  const wanted = batchCount * recordsPerBatch;
  const records: PlainRecord[] = [];
  for (let seed = SEED; records.length < wanted; seed += 1) {
    for (const sample of generate(topic, seed, wanted, PLAIN)) {
      const value = Buffer.from(sample.value ?? '');
      if (value.length < VALUE_BYTES_MIN || value.length > VALUE_BYTES_MAX) continue;
      if (records.length === wanted) break;
      records.push(plain(records.length, sample.key ?? '', value, sample.timestampMs));
    }
  }
  return Array.from({ length: batchCount }, (_, i) =>
    packBatch(records.slice(i * recordsPerBatch, (i + 1) * recordsPerBatch)),
  );
}

/** A batch of one value over and over. */
export function repeatedBatch(value: string, count: number): PackedBatch {
  return packBatch(Array.from({ length: count }, (_, i) => plain(i, `key-${i}`, Buffer.from(value), 1)));
}

function plain(offset: number, key: string, value: Uint8Array, timestampMs: number): PlainRecord {
  return { partition: 0, offset, timestampMs, key: Buffer.from(key), value, headers: [] };
}
