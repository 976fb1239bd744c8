import { readFile, stat } from 'node:fs/promises';
import { StreamlineError } from '../base/error.ts';
import { describeModule } from '../catalog/describe-module.ts';
import { MODULE_BYTES_MAX } from '../catalog/inspect-module.ts';

/** `transforms validate MODULE`: what a module is and can do, and every reason it is refused. Nothing of it runs. */
export async function validateModule(
  path: string,
  options: { readonly json: boolean; readonly write: (text: string) => void },
): Promise<0 | 2> {
  const description = describeModule(await readModule(path));
  if (options.json) {
    const { lines: _lines, ...facts } = description;
    options.write(`${JSON.stringify(facts, null, 2)}\n`);
  } else {
    for (const line of description.lines) options.write(`${line}\n`);
  }
  return description.valid ? 0 : 2;
}

async function readModule(path: string): Promise<Uint8Array> {
  try {
    const facts = await stat(path);
    if (!facts.isFile()) throw new StreamlineError('module.unreadable', 'not a file', { place: path });
    if (facts.size > MODULE_BYTES_MAX) {
      const message = `${facts.size} bytes: more than the ${MODULE_BYTES_MAX} a module may have`;
      throw new StreamlineError('module.too_large', message, { place: path });
    }
    return await readFile(path);
  } catch (thrown) {
    if (thrown instanceof StreamlineError) throw thrown;
    const reason = (thrown as NodeJS.ErrnoException).code === 'ENOENT' ? 'there is no such file' : 'it cannot be read';
    throw new StreamlineError('module.unreadable', reason, {
      place: path,
      suggestion: 'give the path of a .wasm file',
      cause: thrown,
    });
  }
}
