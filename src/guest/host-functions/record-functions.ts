import { RECORD, type RecordHeader } from '../../pipeline/packed-batch.ts';
import { DEFAULT_TOPIC } from '../../pipeline/packed-results.ts';
import { checkTopicLength } from '../topic-table.ts';
import { payloadParts } from '../payload.ts';
import type { OutputPart } from '../record-outputs.ts';
import { ABORT_FUEL, BYTES_PER_UNIT, CALL_FUEL, type HostContext } from './host-context.ts';

/* What a guest can see of its record beyond its payload, and what it can make of it beyond its answer. */

const NULL_LENGTH = 0xffffffff;
const HEADER_NAME_BYTES_MAX = 32_767;
/** Looking at a header, or copying the list of them, for each. */
const HEADER_FUEL = 200;
/** Decoding the headers of a record, for each byte of them. */
const HEADER_BYTE_FUEL = 50;
/** Decoding or encoding a name, for each byte of it. */
const NAME_BYTE_FUEL = 2;
const EMIT_FUEL = 2000;
/** A copy into memory that has to be found first, and given back, takes so many times as long. */
const FRESH_MEMORY = 4;

interface OutputParts {
  readonly key: OutputPart;
  readonly value: OutputPart;
}

export interface RecordFunctions {
  key(pointer: number, capacity: number): number;
  value_is_null(): number;
  header_count(): number;
  header_name(index: number, pointer: number, capacity: number): number;
  header_value(index: number, pointer: number, capacity: number): number;
  header_find(name: number, nameLength: number): number;
  header_set(name: number, nameLength: number, value: number, valueLength: number): void;
  header_add(name: number, nameLength: number, value: number, valueLength: number): void;
  header_remove(name: number, nameLength: number): number;
  emit(payload: number, length: number, topic: number, topicLength: number): void;
  emit_tombstone(key: number, keyLength: number, topic: number, topicLength: number): void;
}

export function recordFunctions(context: HostContext, framed: boolean): RecordFunctions {
  const { outputs } = context;
  const bytesAt = (call: string, pointer: number, length: number): Buffer => {
    const { memory } = context;
    if (!memory.contains(pointer, length)) context.abort(`streamline.${call}: the bytes lie outside of the memory`);
    return memory.view.bytes.subarray(pointer >>> 0, (pointer >>> 0) + (length >>> 0));
  };
  const give = (call: string, bytes: Uint8Array | null, pointer: number, capacity: number): number => {
    if (bytes === null) return -1;
    if (bytes.length <= capacity >>> 0) charge(0, bytes.length);
    return context.give(call, bytes, pointer, capacity);
  };
  const charge = (units: number, bytes = 0): void => context.charge(units + Math.ceil(bytes / BYTES_PER_UNIT));
  /** Decoded at most once a record. */
  const headers = (): readonly RecordHeader[] => {
    context.charge(CALL_FUEL + outputs.undecodedHeaderBytes * HEADER_BYTE_FUEL);
    return outputs.headers();
  };
  /** A loop over all of them pays for what it looks at: names of one length are compared to their ends. */
  const headersBeside = (nameLength: number): readonly RecordHeader[] => {
    const found = headers();
    charge(found.length * HEADER_FUEL, found.length * (nameLength >>> 0));
    return found;
  };
  const changing = (call: string): void => {
    if (!outputs.accepting) context.abort(`streamline.${call}: only transform() has an output`);
  };
  const nameAt = (call: string, pointer: number, length: number): string => {
    if (length >>> 0 > HEADER_NAME_BYTES_MAX) context.abort(`streamline.${call}: a name of ${length >>> 0} bytes`);
    context.charge((length >>> 0) * NAME_BYTE_FUEL);
    return bytesAt(call, pointer, length).toString('utf8');
  };
  const newHeader = (
    call: string,
    name: number,
    nameLength: number,
    value: number,
    valueLength: number,
  ): RecordHeader => {
    changing(call);
    charge(CALL_FUEL, bodyBytes(valueLength) * FRESH_MEMORY);
    const isNull = valueLength >>> 0 === NULL_LENGTH;
    return {
      name: nameAt(call, name, nameLength),
      value: isNull ? null : new Uint8Array(bytesAt(call, value, valueLength)),
    };
  };
  const bodyBytes = (length: number): number => (length >>> 0 === NULL_LENGTH ? 0 : length >>> 0);
  const topicAt = (call: string, pointer: number, length: number): number => {
    if (length >>> 0 === 0) return DEFAULT_TOPIC;
    checkTopicLength(length >>> 0, call);
    // Where there is an output there is a batch.
    return context.topics?.named(bytesAt(call, pointer, length).toString('utf8'), `${call}()`) ?? DEFAULT_TOPIC;
  };
  /** Refusing costs time too: a guest may catch it and ask again. */
  const setHeaders = (changed: RecordHeader[]): void => {
    try {
      outputs.setHeaders(changed);
    } catch (thrown) {
      context.charge(ABORT_FUEL);
      throw context.blame(thrown);
    }
  };
  const adding = (makeParts: () => OutputParts, call: string, topic: number, topicLength: number): void => {
    context.charge(outputs.ownHeaderCount * HEADER_FUEL);
    try {
      const { key, value } = makeParts();
      // Before the topic: what has no room names none.
      outputs.checkRoom(key, value);
      outputs.add(key, value, topicAt(call, topic, topicLength));
    } catch (thrown) {
      context.charge(ABORT_FUEL);
      throw context.blame(thrown);
    }
  };
  return {
    key(pointer, capacity) {
      charge(CALL_FUEL);
      const { record } = context;
      if (record === undefined || record.reader.keyLength(record.at) < 0) return -1;
      const start = record.at + RECORD.key;
      const bytes = record.reader.bytes.subarray(start, start + record.reader.keyLength(record.at));
      return give('key', bytes, pointer, capacity);
    },
    value_is_null() {
      charge(CALL_FUEL);
      const { record } = context;
      return record !== undefined && record.reader.valueLength(record.at) < 0 ? 1 : 0;
    },
    header_count() {
      return headers().length;
    },
    header_name(index, pointer, capacity) {
      const header = headers()[index >>> 0];
      if (header === undefined) return -1;
      context.charge(header.name.length * NAME_BYTE_FUEL);
      return give('header_name', Buffer.from(header.name, 'utf8'), pointer, capacity);
    },
    header_value(index, pointer, capacity) {
      const header = headers()[index >>> 0];
      return header === undefined ? -1 : give('header_value', header.value, pointer, capacity);
    },
    header_find(name, nameLength) {
      const wanted = nameAt('header_find', name, nameLength);
      return headersBeside(nameLength).findLastIndex((header) => header.name === wanted);
    },
    header_set(name, nameLength, value, valueLength) {
      const own = newHeader('header_set', name, nameLength, value, valueLength);
      setHeaders([...headersBeside(nameLength).filter((header) => header.name !== own.name), own]);
    },
    header_add(name, nameLength, value, valueLength) {
      const own = newHeader('header_add', name, nameLength, value, valueLength);
      setHeaders([...headersBeside(0), own]);
    },
    header_remove(name, nameLength) {
      changing('header_remove');
      const unwanted = nameAt('header_remove', name, nameLength);
      const before = headersBeside(nameLength);
      const left = before.filter((header) => header.name !== unwanted);
      if (left.length < before.length) setHeaders(left);
      return before.length - left.length;
    },
    emit(payload, length, topic, topicLength) {
      charge(EMIT_FUEL, length >>> 0);
      changing('emit');
      bytesAt('emit', payload, length);
      const parts = (): OutputParts => payloadParts(context.memory.view, payload >>> 0, length >>> 0, framed, 'emit()');
      adding(parts, 'emit', topic, topicLength);
    },
    emit_tombstone(key, keyLength, topic, topicLength) {
      charge(EMIT_FUEL, bodyBytes(keyLength));
      changing('emit_tombstone');
      // A null key lies nowhere.
      const isNull = keyLength >>> 0 === NULL_LENGTH;
      if (!isNull) bytesAt('emit_tombstone', key, keyLength);
      const own: OutputPart = isNull
        ? 'null'
        : { from: context.memory.view, start: key >>> 0, length: keyLength >>> 0 };
      adding(() => ({ key: own, value: 'null' }), 'emit_tombstone', topic, topicLength);
    },
  };
}
