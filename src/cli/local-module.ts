import { readFile, stat } from 'node:fs/promises';
import { StreamlineError } from '../base/error.ts';
import { describeModule, type ModuleDescription } from '../catalog/describe-module.ts';
import { MODULE_BYTES_MAX } from '../catalog/inspect-module.ts';
import { errorOf } from './command-error.ts';

export interface LocalModule {
  readonly file: string;
  readonly bytes: Uint8Array;
  readonly description: ModuleDescription;
}

/** A module that may be sent: looked at first, every reason told. */
export async function readLocalModule(file: string): Promise<LocalModule> {
  const bytes = await readModuleFile(file);
  const description = describeModule(bytes);
  const [first, ...rest] = description.errors.map((error) => placed(error, file));
  if (first !== undefined) throw errorOf([first, ...rest], file);
  return { file, bytes, description };
}

function placed(error: StreamlineError, place: string): StreamlineError {
  const { code, message, configPath, suggestion } = error;
  return new StreamlineError(code, message, { place: error.place ?? place, configPath, suggestion });
}

export async function readModuleFile(path: string): Promise<Uint8Array> {
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
