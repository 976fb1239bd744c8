// @ts-check

/** Progress goes to stderr: `cli --json` must print nothing but JSON on stdout. */
const out = process.stderr;
const TICK_MS = 1000;

/**
 * One line of progress: what is being done, then how long it took.
 * @template T
 * @param {string} title
 * @param {() => Promise<T>} work
 * @returns {Promise<T>}
 */
export async function step(title, work) {
  const start = performance.now();
  const elapsed = () => `${((performance.now() - start) / 1000).toFixed(1)} s`;
  const line = `set-up: ${title} …`;
  out.write(line);
  const ticker = out.isTTY ? setInterval(() => out.write(`\r${line} ${elapsed()}`), TICK_MS) : undefined;
  let end = 'failed after ';
  try {
    const result = await work();
    end = '';
    return result;
  } finally {
    clearInterval(ticker);
    out.write(`${out.isTTY ? `\r${line}` : ''} ${end}${elapsed()}\n`);
  }
}

/** @param {string} text */
export function say(text) {
  out.write(`set-up: ${text}\n`);
}
