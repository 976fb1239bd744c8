import { executorContract } from './executor.contract.ts';
import { InThreadExecutor } from './in-thread-executor.ts';

executorContract('in thread', (source, onLog) => new InThreadExecutor(source, ({ lines }) => onLog(lines)));
