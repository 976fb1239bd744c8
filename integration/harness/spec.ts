import { randomUUID } from 'node:crypto';
import type { PlainRecord, RecordToProduce } from '../cluster/client.ts';

/** Names a record of a test, whatever becomes of its key and value. */
export const ID_HEADER = 'test-id';

/** Topics, groups and transforms of one test; several tests share a cluster. */
export function uniqueName(prefix: string): string {
  return `${prefix}-${randomUUID().slice(0, 8)}`;
}

/** A spec file. JSON is YAML. */
export function specText(fields: Readonly<Record<string, unknown>>): string {
  return `${JSON.stringify(fields, undefined, 2)}\n`;
}

/** Gives each record an id, its position: before the headers it has. */
export function withIds(records: readonly RecordToProduce[], first = 0): RecordToProduce[] {
  return records.map((record, i) => ({
    ...record,
    headers: [[ID_HEADER, String(first + i)], ...(record.headers ?? [])],
  }));
}

export function headerOf(record: PlainRecord, name: string): string | undefined {
  return record.headers.find(([own]) => own === name)?.[1].toString();
}

export function idOf(record: PlainRecord): string | undefined {
  return headerOf(record, ID_HEADER);
}
