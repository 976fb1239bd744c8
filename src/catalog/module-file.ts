import { constants } from 'node:fs';
import { open, realpath } from 'node:fs/promises';
import { isAbsolute, join, sep } from 'node:path';
import { StreamlineError } from '../base/error.ts';

/**
 * Reads a module once; everything after works on these bytes, so a file that changes meanwhile changes nothing. The file's real
 * path must lie inside the real modules directory: links within it (a ConfigMap's `..data`) are fine, links out of it are not.
 */
export async function readModuleFile(
  modulesDir: string,
  modulePath: string,
  bytesMax: number,
): Promise<Uint8Array<ArrayBuffer>> {
  const file = await resolveInside(modulesDir, modulePath);
  // Without O_NONBLOCK, opening a named pipe would wait for its writer for ever. The real path is no link, unless it has just become one.
  const handle = await open(file, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW).catch(
    (error: unknown) => {
      throw unreadable(modulePath, error);
    },
  );
  try {
    const stat = await handle.stat();
    if (!stat.isFile())
      throw new StreamlineError('module.unreadable', `${modulePath} is not a file`, { place: modulePath });
    if (stat.size > bytesMax) throw tooLarge(modulePath, bytesMax);
    const bytes = new Uint8Array(stat.size);
    let length = 0;
    while (length < bytes.length) {
      const { bytesRead } = await handle.read(bytes, length, bytes.length - length, length);
      if (bytesRead === 0) break; // it shrank: a shorter module, valid or not
      length += bytesRead;
    }
    return length === bytes.length ? bytes : bytes.slice(0, length);
  } catch (error) {
    throw error instanceof StreamlineError ? error : unreadable(modulePath, error);
  } finally {
    await handle.close();
  }
}

async function resolveInside(modulesDir: string, modulePath: string): Promise<string> {
  const parts = modulePath.split(/[\\/]/);
  if (modulePath === '' || modulePath.includes('\0') || isAbsolute(modulePath) || parts.includes('..')) {
    throw outside(modulePath);
  }
  const root = await realpath(modulesDir).catch((error: unknown) => {
    throw new StreamlineError('module.unreadable', `the modules directory ${modulesDir} cannot be read`, {
      cause: error,
    });
  });
  const file = await realpath(join(root, modulePath)).catch((error: unknown) => {
    if (isCode(error, 'ENOENT') || isCode(error, 'ENOTDIR')) {
      throw new StreamlineError('spec.module_missing', `no module ${modulePath} in the modules directory`, {
        configPath: '/wasm_module',
        suggestion: `put the file at ${join(modulesDir, modulePath)}, or name a builtin: builtin:pass-through`,
      });
    }
    throw unreadable(modulePath, error);
  });
  if (!file.startsWith(root.endsWith(sep) ? root : root + sep)) throw outside(modulePath);
  return file;
}

function outside(modulePath: string): StreamlineError {
  return new StreamlineError('module.unreadable', `${JSON.stringify(modulePath)} leads out of the modules directory`, {
    configPath: '/wasm_module',
    suggestion: 'name a file inside the modules directory, relative to it',
  });
}

function tooLarge(modulePath: string, bytesMax: number): StreamlineError {
  return new StreamlineError('module.too_large', `${modulePath} has more than ${bytesMax} bytes`, {
    place: modulePath,
    suggestion: 'strip debug information from it',
  });
}

function unreadable(modulePath: string, cause: unknown): StreamlineError {
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : 'unknown error';
  return new StreamlineError('module.unreadable', `${modulePath} cannot be read (${code})`, {
    place: modulePath,
    cause,
  });
}

function isCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}
