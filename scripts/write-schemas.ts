import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { JSON_SCHEMAS } from '../src/spec/json-schema.ts';

// Run after a change of src/spec/*-schema.ts: node scripts/write-schemas.ts
const folder = join(import.meta.dirname, '../schema');
mkdirSync(folder, { recursive: true });
for (const [name, text] of Object.entries(JSON_SCHEMAS)) {
  writeFileSync(join(folder, name), text());
  console.log(`schema/${name}`);
}
