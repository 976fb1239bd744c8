/* node build.mjs SOURCE OUT: makes a component of a JavaScript module and what it imports. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { componentize } from '@bytecodealliance/componentize-js';

const [sourcePath = 'src/component.js', out = 'build/component.wasm'] = process.argv.slice(2);
const { component } = await componentize({
  sourcePath,
  witPath: 'wit',
  worldName: 'configured-transformer',
  // What is left: console.log is a line of the transform's log, Date.now() the record's timestamp, and random is random.
  disableFeatures: ['http', 'fetch-event'],
});
mkdirSync(dirname(out), { recursive: true });
writeFileSync(out, component);
