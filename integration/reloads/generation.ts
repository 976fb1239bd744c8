import { readAll } from '../cluster/client.ts';

const OFFSETS_TOPIC = '__consumer_offsets';
/** Of a key in that topic: the state of a group of the classic protocol (GroupMetadataKey). Others are commits. */
const GROUP_KEY_VERSION = 2;

/**
 * The group's generation as the coordinator wrote it down last; it grows with every rebalance. undefined: this cluster keeps its groups in another
 * way.
 */
export async function generationOf(bootstrap: string, group: string): Promise<number | undefined> {
  let generation: number | undefined;
  for (const { key, value } of await readAll(bootstrap, OFFSETS_TOPIC, { until: 'end' })) {
    if (key === null || value === null || key.length < 4 || key.readInt16BE(0) !== GROUP_KEY_VERSION) continue;
    if (textAt(key, 2).text !== group) continue;
    // GroupMetadataValue: version, protocol type, generation, …
    const { end } = textAt(value, 2);
    generation = value.readInt32BE(end);
  }
  return generation;
}

function textAt(bytes: Buffer, at: number): { readonly text: string; readonly end: number } {
  const length = bytes.readInt16BE(at);
  return { text: bytes.toString('utf8', at + 2, at + 2 + length), end: at + 2 + length };
}
