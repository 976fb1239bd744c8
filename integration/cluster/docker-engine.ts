import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { request } from 'node:http';

const PING_MS_MAX = 3000;

/** Where engines listen by default: Docker, rootless Docker, Docker Desktop, Podman. */
function sockets(): string[] {
  const runtime = process.env['XDG_RUNTIME_DIR'];
  return [
    '/var/run/docker.sock',
    ...(runtime === undefined ? [] : [join(runtime, 'docker.sock'), join(runtime, 'podman', 'podman.sock')]),
    join(homedir(), '.docker', 'run', 'docker.sock'),
  ].filter((path) => existsSync(path));
}

/** Whether a Docker engine answers, not just whether its command line is installed. */
export async function dockerAnswers(): Promise<boolean> {
  const host = process.env['DOCKER_HOST'];
  // Whoever sets it means it: Testcontainers then says what is wrong with it.
  if (host !== undefined && !host.startsWith('unix://')) return true;
  const candidates = host === undefined ? sockets() : [host.slice('unix://'.length)];
  for (const socketPath of candidates) if (await pings(socketPath)) return true;
  return false;
}

function pings(socketPath: string): Promise<boolean> {
  return new Promise((resolve) => {
    const ping = request({ socketPath, path: '/_ping', timeout: PING_MS_MAX }, (response) => {
      response.resume();
      resolve(response.statusCode === 200);
    });
    ping.on('timeout', () => ping.destroy(new Error('no answer')));
    ping.on('error', () => resolve(false));
    ping.end();
  });
}
