import type { ImportModule } from '../../catalog/known-imports.ts';
import type { HostContext } from './host-context.ts';
import type { PayloadAbi } from '../../spec/transformation-config.ts';
import { recordFunctions } from './record-functions.ts';
import { envFunctions, streamlineFunctions } from './streamline.ts';
import { wasiFunctions } from './wasi.ts';

/** Everything a guest may call, and nothing else (I9). Made once a thread; serves one instance after the other. */
export function hostImports(
  context: HostContext,
  payload: PayloadAbi = 'framed',
): Record<ImportModule, Record<string, unknown>> {
  return {
    streamline: { ...streamlineFunctions(context), ...recordFunctions(context, payload === 'framed') },
    env: envFunctions(context),
    wasi_snapshot_preview1: wasiFunctions(context),
  };
}
