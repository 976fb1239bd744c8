import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CASES_SCHEMA_FILE, casesSchemaText } from '../src/lab/case-schema.ts';
import { JSON_SCHEMAS } from '../src/spec/json-schema.ts';

// Run after a change of src/spec/*-schema.ts or src/lab/case-schema.ts: node scripts/write-schemas.ts
const folder = join(import.meta.dirname, '../schema');
mkdirSync(folder, { recursive: true });
for (const [name, text] of Object.entries({ ...JSON_SCHEMAS, [CASES_SCHEMA_FILE]: casesSchemaText })) {
  writeFileSync(join(folder, name), text());
  console.log(`schema/${name}`);
}
