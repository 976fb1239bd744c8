import { printable } from '../../base/printable.ts';
import type { KNOWN_IMPORTS } from '../../catalog/known-imports.ts';
import type { RecordFunctions } from './record-functions.ts';
import { METRIC_FUEL, METRIC_NAME_BYTES_MAX, NO_METRIC } from './guest-metrics.ts';
import { CALL_FUEL, LOG_LINE_FUEL, type HostContext, type SchemaIdentity } from './host-context.ts';
import { guestLogLevel } from './log-buffer.ts';

const NO_NAME = Buffer.alloc(0);
const ABORT_MESSAGE_UNITS_MAX = 512;

/** `streamline.*`: every function of known-imports.ts, no other. */
export function streamlineFunctions(
  context: HostContext,
): Record<Exclude<keyof typeof KNOWN_IMPORTS.streamline, keyof RecordFunctions>, (...args: never[]) => unknown> {
  const topic = Buffer.from(context.inputTopic, 'utf8');
  const metricName = (call: string, pointer: number, length: number): string => {
    if (length >>> 0 > METRIC_NAME_BYTES_MAX || !context.memory.contains(pointer, length)) {
      context.abort(`streamline.${call}: ${NO_METRIC}`);
    }
    return context.memory.view.bytes.toString('latin1', pointer >>> 0, (pointer >>> 0) + length);
  };
  const schemaNames = new WeakMap<SchemaIdentity, Buffer>();
  const nameOf = (schema: SchemaIdentity | undefined): Buffer => {
    if (schema === undefined) return NO_NAME;
    const known = schemaNames.get(schema);
    if (known !== undefined) return known;
    const name = Buffer.from(schema.name, 'utf8');
    schemaNames.set(schema, name);
    return name;
  };
  const give = (name: Buffer, pointer: number, capacity: number, call: string): number => {
    context.charge(CALL_FUEL);
    return context.give(call, name, pointer, capacity);
  };
  return {
    log(level: number, pointer: number, length: number): void {
      if (!context.log.admit()) {
        context.charge(CALL_FUEL);
        return;
      }
      context.charge(LOG_LINE_FUEL);
      if (!context.memory.contains(pointer, length)) {
        context.log.addText('warn', 'streamline.log: the line lies outside of the memory');
        return;
      }
      context.log.addBytes(guestLogLevel(level), context.memory.view.bytes, pointer >>> 0, length >>> 0);
    },
    metric_add(name: number, nameLength: number, by: number): void {
      context.charge(METRIC_FUEL);
      const known = context.metrics.add(metricName('metric_add', name, nameLength), by);
      if (!known) context.abort(`streamline.metric_add: ${NO_METRIC}`);
    },
    metric_set(name: number, nameLength: number, value: number): void {
      context.charge(METRIC_FUEL);
      const known = context.metrics.set(metricName('metric_set', name, nameLength), value);
      if (!known) context.abort(`streamline.metric_set: ${NO_METRIC}`);
    },
    metadata_partition(): number {
      context.charge(CALL_FUEL);
      return context.partition();
    },
    metadata_offset(): bigint {
      context.charge(CALL_FUEL);
      return BigInt(context.offset());
    },
    metadata_timestamp_ms(): bigint {
      context.charge(CALL_FUEL);
      return BigInt(Math.trunc(context.timestampMs()));
    },
    metadata_topic(pointer: number, capacity: number): number {
      return give(topic, pointer, capacity, 'metadata_topic');
    },
    metadata_schema_id(): number {
      context.charge(CALL_FUEL);
      return context.valueSchema?.id ?? -1;
    },
    metadata_schema_name(pointer: number, capacity: number): number {
      return give(nameOf(context.valueSchema), pointer, capacity, 'metadata_schema_name');
    },
    metadata_key_schema_id(): number {
      context.charge(CALL_FUEL);
      return context.keySchema?.id ?? -1;
    },
    metadata_key_schema_name(pointer: number, capacity: number): number {
      return give(nameOf(context.keySchema), pointer, capacity, 'metadata_key_schema_name');
    },
  };
}

/** `env.abort` as AssemblyScript calls it: strings are UTF-16, their byte length stands 4 bytes before them. */
export function envFunctions(
  context: HostContext,
): Record<keyof typeof KNOWN_IMPORTS.env, (...args: never[]) => unknown> {
  return {
    abort(message: number, file: number, line: number, column: number): void {
      context.charge(CALL_FUEL);
      const text = assemblyScriptString(context, message);
      const place = assemblyScriptString(context, file);
      const where = place === undefined ? '' : ` at ${place}:${String(line >>> 0)}:${String(column >>> 0)}`;
      context.abort(`abort: ${text ?? 'no message'}${where}`);
    },
  };
}

function assemblyScriptString(context: HostContext, pointer: number): string | undefined {
  const at = pointer >>> 0;
  if (at < 4 || !context.memory.contains(at - 4, 4)) return undefined;
  const { bytes } = context.memory.view;
  const length = bytes.readUInt32LE(at - 4);
  if ((length & 1) !== 0 || !context.memory.contains(at, length)) return undefined;
  return printable(bytes.toString('utf16le', at, at + Math.min(length, ABORT_MESSAGE_UNITS_MAX * 2)));
}
