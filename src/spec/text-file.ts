import { constants } from 'node:fs';
import { open } from 'node:fs/promises';

/** One small file as text, links followed; undefined when it has more than `bytesMax`. Rejects when it is no regular file or not UTF-8. */
export async function readTextFile(path: string, bytesMax: number): Promise<string | undefined> {
  // Without O_NONBLOCK the opening of a named pipe would wait for a writer for ever.
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    if (!(await file.stat()).isFile()) throw new Error('not a regular file');
    const buffer = Buffer.alloc(bytesMax + 1);
    let length = 0;
    while (length < buffer.length) {
      // The file's stated size is not trusted: it may grow while it is read.
      const { bytesRead } = await file.read(buffer, length, buffer.length - length, length);
      if (bytesRead === 0) break;
      length += bytesRead;
    }
    if (length > bytesMax) return undefined;
    return new TextDecoder('utf-8', { fatal: true }).decode(buffer.subarray(0, length));
  } finally {
    await file.close();
  }
}

/** Why a file could not be read, without the path and the system call that Node's messages carry. */
export function readFailure(thrown: unknown): string {
  const code = thrown instanceof Error && 'code' in thrown ? thrown.code : undefined;
  if (code === 'ENOENT') return 'no such file, or a link to nowhere';
  if (code === 'EACCES' || code === 'EPERM') return 'no permission';
  if (code === 'ERR_ENCODING_INVALID_ENCODED_DATA') return 'not UTF-8';
  if (typeof code === 'string') return code;
  return thrown instanceof Error ? thrown.message : String(thrown);
}
