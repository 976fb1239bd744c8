import { readFileSync } from 'node:fs';
import { prepareArtefact } from '../../catalog/prepare-artefact.ts';
import { FUEL_PER_MS, type PreparedModule } from '../../catalog/prepared-module.ts';
import type { GuestSource } from '../batch-runner.ts';
import { guestConfig } from './fixture.ts';

type ConfigChanges = Parameters<typeof guestConfig>[0];

/** Sources and how they are built: testing/component/; `javascript` is the example redact_regex. */
export type ComponentFixture = 'chameleon' | 'mask' | 'javascript' | 'wasi';

const JAVASCRIPT = '../../../modules/transforms/redact_regex.wasm';

export function componentBytes(name: ComponentFixture): Uint8Array<ArrayBuffer> {
  return new Uint8Array(
    readFileSync(new URL(name === 'javascript' ? JAVASCRIPT : `./component/${name}.wasm`, import.meta.url)),
  );
}

/** As the catalog would hand it over. */
function preparedComponent(bytes: Uint8Array, maxMemoryMb: number): PreparedModule {
  const artefact = prepareArtefact({ bytes, maxMemoryMb, initialFuel: FUEL_PER_MS * 100, cacheDir: undefined });
  if ('errors' in artefact) throw new AggregateError(artefact.errors, artefact.errors[0].describe());
  const { facts, module, component } = artefact;
  return { facts, module, component, maxMemoryMb };
}

export function componentSource(
  changes: ConfigChanges = {},
  name: ComponentFixture = 'chameleon',
  maxMemoryMb = 2,
): GuestSource {
  return { config: guestConfig(changes), module: preparedComponent(componentBytes(name), maxMemoryMb) };
}
