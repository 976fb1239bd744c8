import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { RecordFormats } from '../../src/codec/record-formats.ts';
import type { RegisteredSchema } from '../../src/codec/schema.ts';
import { InThreadExecutor } from '../../src/guest/in-thread-executor.ts';
import { BatchReader, packBatch, type PackedBatch } from '../../src/pipeline/packed-batch.ts';
import { RESULT, ResultReader } from '../../src/pipeline/packed-results.ts';
import type { Row } from '../rows.ts';
import { figuresOf, type Timing } from './guest-figures.ts';
import { prepareGuest, sampleBatches, specConfigJson } from './guests.ts';
import type { BatchRunnerSource } from './source.ts';

const SCHEMA_FILE = join(import.meta.dirname, '..', '..', 'examples', 'data', 'api-log.avsc');
const BATCHES = 16;

/**
 * Avro in one guest thread, with the seed's API logs: the guest that makes an Avro value's JSON of a log line, written as Avro; and that
 * Avro read again, for a guest that leaves it alone. The schemas are there, as they are after a topic's first record.
 */
export async function formatFigures(timing: Timing): Promise<Row[]> {
  const text = readFileSync(SCHEMA_FILE, 'utf8');
  const schema: RegisteredSchema = { id: 1, type: 'AVRO', text, references: [] };
  const encoder = withFormats(
    await prepareGuest('json_to_avro.wasm', specConfigJson('specs/json-to-avro.yaml')),
    formats('bytes', 'avro', schema),
  );
  const decoder = withFormats(await prepareGuest('pass_through.wasm'), formats('avro', 'bytes', schema));
  const logs = sampleBatches('api-logs', BATCHES);
  const encoded: PackedBatch[] = [];
  for (const batch of logs) encoded.push(await outputsOf(encoder, batch));
  return figuresOf(
    [
      { name: 'json_to_avro', source: encoder, batches: logs },
      { name: 'avro_to_json', source: decoder, batches: encoded },
    ],
    timing,
  );
}

function withFormats({ config, module }: BatchRunnerSource, given: RecordFormats): BatchRunnerSource {
  return { config: { ...config, formats: given }, module };
}

function formats(input: 'bytes' | 'avro', output: 'bytes' | 'avro', schema: RegisteredSchema): RecordFormats {
  const subject = { by: 'subject', subject: 'api-logs-value', version: 'latest' } as const;
  const rule = { strategy: 'fixed', name: subject.subject, suffix: '', version: subject.version } as const;
  const writes = output === 'avro';
  return {
    input: { value: input, key: 'bytes', json: 'plain', reader: undefined },
    output: {
      value: output,
      key: 'bytes',
      json: 'plain',
      unknownFields: 'fail',
      valueSubject: writes ? rule : undefined,
      keySubject: undefined,
      topic: 'api-logs-avro',
    },
    schemasMax: 100,
    itemsMax: 250_000,
    schemas: [
      writes
        ? { part: 'value', wish: subject, answer: { schema } }
        : { part: 'reader', wish: { by: 'id', id: schema.id }, answer: { schema } },
    ],
  };
}

/** What comes out of a batch, as the batch that the next transform would read. */
async function outputsOf(source: BatchRunnerSource, batch: PackedBatch): Promise<PackedBatch> {
  const executor = new InThreadExecutor(source, () => undefined);
  await executor.start();
  const { buffer, segments } = await executor.execute(batch);
  const results = new ResultReader(buffer);
  const inputs = new BatchReader(batch.buffer);
  const records = segments.flatMap(({ startByte, endByte }) => {
    const found = [];
    for (let at = startByte; at < endByte; at = results.next(at)) {
      const start = at + RESULT.key + Math.max(0, results.keyLength(at));
      const value = results.bytes.slice(start, start + results.valueLength(at));
      found.push({ ...inputs.plain(results.recordIndex(at)), value });
    }
    return found;
  });
  return packBatch(records);
}
