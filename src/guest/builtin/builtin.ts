import { StreamlineError } from '../../base/error.ts';
import type { GuestConfig } from '../guest-config.ts';
import type { Guest } from '../guest.ts';
import type { LogBuffer } from '../host-functions/log-buffer.ts';
import { Logging } from './logging.ts';
import { Metrics } from './metrics.ts';
import { PassThrough } from './pass-through.ts';

const PREFIX = 'builtin:';

/** Guests that come with the sidecar, as `wasm_module: builtin:NAME`. They run in guest threads like any other. */
export const BUILTIN_NAMES = ['pass-through', 'logging', 'metrics'] as const;

export type BuiltinName = (typeof BUILTIN_NAMES)[number];

/** The builtin a `wasm_module` names, or undefined when there is none of that name. */
export function builtinNameOf(wasmModule: string): BuiltinName | undefined {
  return BUILTIN_NAMES.find((name) => `${PREFIX}${name}` === wasmModule);
}

/** Throws guest.init_rejected for a config the builtin does not take. */
export function createBuiltin(wasmModule: string, config: GuestConfig, log: LogBuffer): Guest {
  const name = builtinNameOf(wasmModule);
  switch (name) {
    case 'pass-through':
      return new PassThrough(config);
    case 'logging':
      return new Logging(config, log);
    case 'metrics':
      return new Metrics(config, log);
    case undefined:
      throw new StreamlineError('spec.module_missing', `there is no ${wasmModule}`, {
        configPath: '/wasm_module',
        suggestion: `the builtins are ${BUILTIN_NAMES.map((known) => PREFIX + known).join(', ')}`,
      });
  }
}
