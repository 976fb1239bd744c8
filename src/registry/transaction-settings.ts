import { StreamlineError } from '../base/error.ts';
import type { KafkaProperties, TransactionSettings } from '../kafka/client-config.ts';
import type { TransformationConfig } from '../spec/transformation-config.ts';

/**
 * Exactly once: the producer's name, the same for all that run this transform in one place one after another; undefined = at least once.
 * Throws config.invalid when the input could not be read as that needs it.
 * @param process names this process among others
 */
export function transactionSettings(
  { delivery, input }: Pick<TransformationConfig, 'delivery' | 'input'>,
  kafka: KafkaProperties,
  process: string,
  timeoutMs: number,
): TransactionSettings | undefined {
  if (delivery !== 'exactly_once') return undefined;
  if (kafka['isolation.level'] === 'read_uncommitted') {
    throw new StreamlineError('config.invalid', 'exactly once reads what is committed: isolation.level is not free', {
      configPath: '/kafka/isolation.level',
      suggestion: 'Remove it, or write `delivery: at_least_once` in the spec.',
    });
  }
  // A static member comes back under its name, and ends at once what it left open.
  return { id: `${input.groupId}.${kafka['group.instance.id'] ?? process}`, timeoutMs };
}
