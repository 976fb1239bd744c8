import { chmodSync } from 'node:fs';

const NOBODY = 65_534;

/** Does the work while this process may read a directory and not write to it. Permissions bind everybody but root. */
export async function whileReadOnly(directory: string, work: () => Promise<void>): Promise<void> {
  const asRoot = process.getuid?.() === 0;
  chmodSync(directory, 0o555);
  if (asRoot) process.seteuid?.(NOBODY);
  try {
    await work();
  } finally {
    if (asRoot) process.seteuid?.(0);
    chmodSync(directory, 0o755);
  }
}
