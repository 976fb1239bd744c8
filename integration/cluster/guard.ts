import { spawn } from 'node:child_process';

// Reads until its input ends, which is when we do, however that comes about. The process of `pid` is only killed if it is
// still the one that was started with the folder: a number may have been given to another process since.
const SCRIPT = `
cat >/dev/null
pid=$(cat "$1/pid" 2>/dev/null)
if [ -n "$pid" ] && ps -o args= -p "$pid" 2>/dev/null | grep -qF "$1"; then kill -9 "$pid"; fi
rm -rf "$1"
`;

/**
 * Sees to it that a broker does not outlive this process, not even its kill -9: when this process ends, the one whose
 * number is in `folder`/pid is killed, and the folder removed. The returned function does the same at once.
 */
export function guardFolder(folder: string): () => Promise<void> {
  // In a session of its own: a signal to our group must not take the guard before it did its work.
  const guard = spawn('sh', ['-c', SCRIPT, 'guard', folder], { stdio: ['pipe', 'ignore', 'ignore'], detached: true });
  const ended = new Promise<void>((resolve) => {
    guard.on('exit', () => resolve());
    guard.on('error', () => resolve());
  });
  guard.unref();
  return () => {
    guard.ref();
    guard.stdin.end();
    return ended;
  };
}
