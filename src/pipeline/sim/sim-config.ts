import type { ErrorPolicy, TopicName, TransformationConfig, TransformName } from '../../spec/transformation-config.ts';

/** A transform from `in` to `out`; what the tests vary can be given. */
export const SIM_DEAD_LETTERS = 'sim.dlq' as TopicName;

export function simConfig(
  errors: Partial<ErrorPolicy> = {},
  ordering: 'partition' | 'key' = 'partition',
  delivery: TransformationConfig['delivery'] = 'at_least_once',
): TransformationConfig {
  return {
    name: 'sim' as TransformName,
    description: '',
    inputTopic: 'in' as TopicName,
    outputTopic: 'out' as TopicName,
    stages: [{ wasmModule: 'mask.wasm', configJson: '{}', maxMemoryMb: 64, timeoutMs: 10 }],
    instances: 1,
    maxMemoryMb: 64,
    timeoutMs: 10,
    type: undefined,
    payload: 'framed',
    input: {
      format: 'bytes',
      keyFormat: 'bytes',
      json: 'plain',
      reader: undefined,
      schemaFile: undefined,
      start: { at: 'earliest' },
      groupId: 'g',
      tombstones: 'forward',
    },
    output: {
      format: 'bytes',
      keyFormat: 'bytes',
      json: 'plain',
      subject: undefined,
      keySubject: undefined,
      subjectNameStrategy: undefined,
      recordName: undefined,
      version: 'latest',
      schemaFile: undefined,
      autoRegister: false,
      unknownFields: 'fail',
      partition: 'key',
      timestamp: 'input',
      moduleHeader: false,
    },
    delivery,
    ordering,
    errors: {
      onFailure: 'dead_letter',
      deadLetterTopic: SIM_DEAD_LETTERS,
      maxRetries: 0,
      retryBackoffMs: 100,
      retryBackoffMaxMs: 10_000,
      stopAfter: { failures: 0, window: 1000 },
      ...errors,
    },
    rollout: { canary: 0 },
    source: 'sim.yaml',
    sha256: 'cd34',
  };
}
