import type { PreparedModule } from '../catalog/prepared-module.ts';
import type { SidecarLimits } from '../spec/sidecar-config.ts';
import { isBuiltin } from '../spec/spec-name.ts';
import type { TransformationConfig } from '../spec/transformation-config.ts';
import type { GuestSource } from './batch-runner.ts';
import type { GuestConfig } from './guest-config.ts';

/**
 * What a spec asks to be run.
 * @param modules of its stages, in order; undefined for a builtin
 * @param formats undefined: all is bytes
 */
export function guestSourceOf(
  config: TransformationConfig,
  modules: readonly (PreparedModule | undefined)[],
  limits: SidecarLimits,
  formats: GuestConfig['formats'],
): GuestSource {
  const stages = config.stages.map(({ wasmModule, configJson, timeoutMs }, i) => ({
    builtin: isBuiltin(wasmModule) ? wasmModule : undefined,
    configJson,
    timeoutMs,
    module: modules[i],
  }));
  const [first, ...following] = stages;
  const guestConfig: GuestConfig = {
    transform: config.name,
    inputTopic: config.inputTopic,
    builtin: first?.builtin,
    payload: config.payload,
    configJson: first?.configJson ?? '{}',
    timeoutMs: first?.timeoutMs ?? config.timeoutMs,
    tombstones: config.input.tombstones,
    partition: config.output.partition,
    formats,
    limits: {
      outputBytesMax: limits.outputBytes,
      outputsMax: limits.recordOutputs,
      initTimeoutMs: limits.initTimeoutMs,
      logLinesPerSecond: limits.logLinesPerSecond,
      logLineBytesMax: limits.logLineBytes,
    },
  };
  return { config: guestConfig, module: first?.module, ...(following.length === 0 ? {} : { following }) };
}
