import type { TransformState } from '../../src/registry/transform-snapshot.ts';
import type { Words } from './board.ts';

/** The states as numbers, the worse the higher: what several sidecars show of one transform is the worst of them. */
const STATES: Readonly<Record<TransformState, readonly [level: number, color: string]>> = {
  RUNNING: [1, 'green'],
  PAUSED: [2, 'blue'],
  STOPPED: [3, 'purple'],
  UNASSIGNED: [4, 'yellow'],
  RESTARTING: [5, 'orange'],
  FAILED: [6, 'red'],
};

export const STATE_WORDS: Words = Object.fromEntries(
  Object.entries(STATES).map(([state, [level, color]]) => [String(level), [state, color]]),
);

/** PromQL: the level of the state each transform is in. */
export function stateLevel(selector: string): string {
  const levels = Object.entries(STATES).map(
    ([state, [level]]) => `streamline_transform_state{state="${state}",${selector}} * ${level}`,
  );
  return `max by (transform) (${levels.join(' or ')})`;
}
