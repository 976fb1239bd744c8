import avro from 'avsc';

const FRAME_BYTES = 5;

/**
 * Confluent-framed Avro of one schema to the JSON of what is in it, with numbers as JavaScript writes them; to a complaint, which is
 * no JSON, where it is anything else. By avsc as it comes: the code under test has no part in it.
 */
export function avroTextOf(schema: string, id: number): (value: Buffer) => string {
  const type = avro.Type.forSchema(JSON.parse(schema) as Parameters<typeof avro.Type.forSchema>[0]);
  return (value) => {
    if (value.length < FRAME_BYTES || value[0] !== 0) return `not framed: ${value.toString('hex')}`;
    const found = value.readUInt32BE(1);
    if (found !== id) return `framed with schema id ${String(found)}, not ${String(id)}`;
    try {
      return JSON.stringify(type.fromBuffer(value.subarray(FRAME_BYTES)));
    } catch (thrown) {
      return `not of the schema (${String(thrown)}): ${value.toString('hex')}`;
    }
  };
}
