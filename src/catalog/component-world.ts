/*
 * What a component exports, and the types of it: wit/transform.wit as component-type.ts writes types. The layout of records in a
 * guest's memory (guest/component/) follows from these.
 */

export const WIT_PACKAGE = 'streamline:transform';
export const WIT_VERSION = '0.1.0';

const HEADER = 'record{name: string, value: option<list<u8>>}';
const BYTES = 'option<list<u8>>';
const INPUT =
  `record{key: ${BYTES}, value: ${BYTES}, headers: list<${HEADER}>, timestamp-ms: option<s64>, ` +
  'topic: string, partition: u32, offset: u64}';
const OUTPUT = `record{topic: option<string>, key: ${BYTES}, value: ${BYTES}, headers: option<list<${HEADER}>>}`;
const RESULT = `result<list<${OUTPUT}>, record{message: string, retry: bool}>`;

export interface WorldExport {
  /** Interface and function, as in the WIT. */
  readonly interface: string;
  readonly name: string;
  readonly type: string;
}

export const WORLD_EXPORTS = {
  transform: { interface: 'transform', name: 'transform', type: `func(input: ${INPUT}) -> ${RESULT}` },
  init: { interface: 'config', name: 'init', type: 'func(json: string) -> result<_, string>' },
} as const satisfies Record<string, WorldExport>;

/** `streamline:transform/config@0.1.0`. */
export function interfaceName(name: string): string {
  return `${WIT_PACKAGE}/${name}@${WIT_VERSION}`;
}
