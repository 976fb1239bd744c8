// A mock cluster in a process of its own, to be killed or stopped: prints its address and lives until then.
import { addonUnderTest } from './addon.ts';
import { jobOf, produce, records, startMockCluster } from './clients.ts';

const [topic = '', count = '0'] = process.argv.slice(2);
const cluster = await startMockCluster(addonUnderTest());
await produce(cluster.producer, topic, jobOf(records(Number(count)), 0));
console.log(cluster.bootstrap);
// Its parent went: so does it.
process.stdin.on('end', () => process.exit(0)).resume();
