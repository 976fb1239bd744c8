// Emits dist/: for `npm pack`, and for whatever runs the programs as they are shipped.
import { ensureBuilt } from './built.ts';

try {
  ensureBuilt();
} catch (thrown) {
  console.error(thrown instanceof Error ? thrown.message : thrown);
  process.exitCode = 1;
}
