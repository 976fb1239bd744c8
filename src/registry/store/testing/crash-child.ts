import { writeSync } from 'node:fs';
import { live } from './deploy-life.ts';

/* Lives one life and kills itself at the N-th step of a write: `crash-child.ts ROOT N`. Each operation that is done is a line on stdout. */

const [root = '', count = '0'] = process.argv.slice(2);
let left = Number(count);

await live(
  root,
  {
    step: (step) => {
      left -= 1;
      if (left > 0) return;
      writeSync(2, `${step}\n`);
      process.kill(process.pid, 'SIGKILL');
      // The signal may come a moment later: nothing more is done meanwhile.
      for (;;);
    },
  },
  (operation) => void writeSync(1, `${operation}\n`),
);
