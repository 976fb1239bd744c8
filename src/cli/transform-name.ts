import type { StreamlineError } from '../base/error.ts';
import { nearestName } from '../spec/nearest-name.ts';
import { CommandError } from './command-error.ts';
import type { SidecarClient } from './sidecar-client.ts';

/** Runs what is about one transform: a name the sidecar does not know gets the nearest one it does. */
export async function named<T>(client: SidecarClient, name: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (thrown) {
    if (!(thrown instanceof CommandError) || thrown.code !== 'transform.not_found') throw thrown;
    throw thrown.suggestion === undefined ? await withSuggestion(client, name, thrown) : thrown;
  }
}

async function withSuggestion(client: SidecarClient, name: string, error: CommandError): Promise<StreamlineError> {
  const names = await client.get<readonly string[]>('/transforms').catch(() => []);
  const near = nearestName(name, names);
  const known = names.length === 0 ? 'There are no transforms.' : `There are ${listed(names)}.`;
  return new CommandError(error.code, error.message, {
    httpStatus: error.httpStatus,
    suggestion: near === undefined ? known : `Did you mean ${near}?`,
  });
}

const LISTED_MAX = 5;

function listed(names: readonly string[]): string {
  const more = names.length - LISTED_MAX;
  return `${names.slice(0, LISTED_MAX).join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
}
