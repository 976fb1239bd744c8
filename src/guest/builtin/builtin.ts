import { StreamlineError } from '../../base/error.ts';
import { BUILTINS } from '../../spec/spec-name.ts';
import type { GuestConfig } from '../guest-config.ts';
import type { Guest } from '../guest.ts';
import type { LogBuffer } from '../host-functions/log-buffer.ts';
import { Logging } from './logging.ts';
import { Metrics } from './metrics.ts';
import { PassThrough } from './pass-through.ts';

/**
 * A guest that comes with the sidecar (BUILTINS); it runs in a guest thread like any other.
 * Throws guest.init_rejected for a config the builtin does not take.
 */
export function createBuiltin(wasmModule: string, config: GuestConfig, log: LogBuffer): Guest {
  const name = BUILTINS.find((known) => known === wasmModule);
  switch (name) {
    case 'builtin:pass-through':
      return new PassThrough(config);
    case 'builtin:logging':
      return new Logging(config, log);
    case 'builtin:metrics':
      return new Metrics(config, log);
    case undefined:
      throw new StreamlineError('spec.module_missing', `there is no ${wasmModule}`, {
        configPath: '/wasm_module',
        suggestion: `the builtins are ${BUILTINS.join(', ')}`,
      });
  }
}
