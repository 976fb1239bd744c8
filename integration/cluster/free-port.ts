import { createServer } from 'node:net';

/** Loopback ports that are free now, all different. Whoever uses one must be ready to lose the race for it. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(
    Array.from(
      { length: count },
      () =>
        new Promise<ReturnType<typeof createServer>>((resolve, reject) => {
          const server = createServer();
          server.on('error', reject);
          server.listen(0, '127.0.0.1', () => resolve(server));
        }),
    ),
  );
  return Promise.all(
    servers.map(
      (server) =>
        new Promise<number>((resolve, reject) => {
          const address = server.address();
          const port = typeof address === 'object' && address !== null ? address.port : 0;
          server.close((error) => (error === undefined ? resolve(port) : reject(error)));
        }),
    ),
  );
}
