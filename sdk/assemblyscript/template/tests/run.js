/* Runs what a module of tests exports: node tests/run.js build/tests.wasm. A test fails by a failed assert, or any other trap. */
import { readFileSync } from 'node:fs';

const file = process.argv[2] ?? 'build/tests.wasm';

function text(memory, pointer) {
  if (pointer === 0) return 'no message';
  const bytes = Buffer.from(memory.buffer);
  return bytes.toString('utf16le', pointer, pointer + bytes.readUInt32LE(pointer - 4));
}

const module = new WebAssembly.Module(readFileSync(file));
let memory;
const env = {
  abort(message, source, line, column) {
    throw new Error(`${text(memory, message)} (${text(memory, source)}:${line}:${column})`);
  },
};
// No record is there in a unit test: the host's functions that a test comes upon say nothing and answer 0.
const imports = { env };
for (const { module: from, name } of WebAssembly.Module.imports(module)) {
  imports[from] ??= {};
  imports[from][name] ??= () => 0;
}

let failed = 0;
let passed = 0;
for (const { name, kind } of WebAssembly.Module.exports(module)) {
  if (kind !== 'function' || name.startsWith('__')) continue;
  // Each in a fresh instance, so that none sees what another leaves behind.
  const instance = new WebAssembly.Instance(module, imports);
  memory = instance.exports.memory;
  try {
    instance.exports[name]();
    passed += 1;
    console.log(`ok    ${name}`);
  } catch (error) {
    failed += 1;
    console.log(`FAIL  ${name}: ${error.message}`);
  }
}
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed > 0 || passed === 0 ? 1 : 0;
