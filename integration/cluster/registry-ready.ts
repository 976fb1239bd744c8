import { setTimeout as delay } from 'node:timers/promises';
import { Patience } from '../../src/base/patience.ts';

const ATTEMPT_MS_MAX = 2000;
const PAUSE_MS = 100;

/** Resolves when it answers as a registry does. */
export async function registryReady(url: string, deadlineMs: number, isAlive: () => boolean): Promise<void> {
  const patience = new Patience(deadlineMs);
  let problem = 'it was not asked';
  while (!patience.isOver()) {
    if (!isAlive()) throw new Error('the registry ended while it was starting');
    try {
      const response = await fetch(`${url}/subjects`, { signal: AbortSignal.timeout(ATTEMPT_MS_MAX) });
      await response.text();
      if (response.ok) return;
      problem = `status ${response.status}`;
    } catch (error) {
      problem = error instanceof Error ? error.message : String(error);
    }
    await delay(PAUSE_MS);
  }
  throw new Error(`${url} does not serve after ${deadlineMs / 1000} s: ${problem}`);
}

/** Sets what Confluent's registry checks by default: Apicurio's checks nothing. */
export async function checkBackward(url: string): Promise<void> {
  const response = await fetch(`${url}/config`, {
    method: 'PUT',
    headers: { 'content-type': 'application/vnd.schemaregistry.v1+json' },
    body: JSON.stringify({ compatibility: 'BACKWARD' }),
    signal: AbortSignal.timeout(ATTEMPT_MS_MAX),
  });
  if (!response.ok) throw new Error(`${url}/config answers ${response.status}: ${await response.text()}`);
}
