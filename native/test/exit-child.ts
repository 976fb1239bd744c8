// One activity, and one way to end amid it. The parent measures.
import { ACTIVITIES, type Activity } from './activities.ts';
import { addonUnderTest } from './addon.ts';

const [activity, ending, delayMs, bootstrap = '', silent = ''] = process.argv.slice(2);

const ENDINGS: Readonly<Record<string, () => void>> = {
  exit: () => process.exit(0),
  'uncaught exception': () => {
    throw new Error('on purpose');
  },
  // Without a handler a signal ends the process as it is.
  SIGTERM: () => process.kill(process.pid, 'SIGTERM'),
  'SIGTERM, handled': () => {
    process.once('SIGTERM', () => process.exit(0));
    process.kill(process.pid, 'SIGTERM');
  },
};

await ACTIVITIES[activity as Activity](addonUnderTest(), { bootstrap, silent });
setTimeout(() => {
  console.log('ends');
  ENDINGS[ending ?? '']?.();
}, Number(delayMs));
