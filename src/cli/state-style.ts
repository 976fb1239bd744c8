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

/** The state, and what it is on its way to. */
export function stateOf(terminal: Terminal, { connector, target_state: target }: Status): string {
  const { state } = connector;
  const underWay = target !== state && (target === 'PAUSED' || target === 'STOPPED');
  return underWay ? `${styledState(terminal, state)} (to be ${target})` : styledState(terminal, state);
}
