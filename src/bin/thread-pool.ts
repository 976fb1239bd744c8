import { poolSize } from './pool-size.ts';

// Imported before anything else: libuv makes its pool at the first use and reads its size only then.
process.env['UV_THREADPOOL_SIZE'] ??= String(poolSize(process.argv));
