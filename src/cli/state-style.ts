import type { Status } from '../api/rest-shapes.ts';
import type { Terminal } from './terminal.ts';

/** A state in its colour, where there are colours. */
export function styledState(terminal: Terminal, state: string): string {
  switch (state) {
    case 'RUNNING':
      return terminal.style('green', state);
    case 'FAILED':
    case 'REFUSED':
      return terminal.style('red', state);
    case 'RESTARTING':
    case 'UNASSIGNED':
    case 'PREPARING':
    case 'CANARY':
      return terminal.style('yellow', state);
    default:
      return terminal.style('dim', state);
  }
}

/** The state, what it is on its way to, and what it waits for. */
export function stateOf(terminal: Terminal, { connector, target_state: target, waiting }: Status): string {
  const { state } = connector;
  const underWay = target !== state && (target === 'PAUSED' || target === 'STOPPED');
  const shown = underWay ? `${styledState(terminal, state)} (to be ${target})` : styledState(terminal, state);
  return shown + waitingText(terminal, waiting);
}

/** Behind a state: ` (waits for the schema registry: registry.unreachable)`. */
export function waitingText(terminal: Terminal, waiting: Status['waiting']): string {
  if (waiting === undefined) return '';
  return ` ${terminal.style('yellow', `(waits for the ${waiting.for.replace('_', ' ')}: ${waiting.code})`)}`;
}
