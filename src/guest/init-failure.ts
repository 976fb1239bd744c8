import { StreamlineError } from '../base/error.ts';
import type { GuestConfig } from './guest-config.ts';
import { guestFailureOf } from './guest-failure.ts';

/** Why no guest could be made of a module or a component that was let in. `thrown` by a call on the init budget. */
export function initFailure(thrown: unknown, call: string, fuelLeft: number, config: GuestConfig): StreamlineError {
  if (thrown instanceof StreamlineError) return thrown;
  const failure = guestFailureOf(thrown, call, fuelLeft, config.limits.initTimeoutMs);
  if (failure.code !== 'guest.out_of_fuel') return new StreamlineError('guest.init_failed', failure.message);
  return new StreamlineError(
    'guest.init_failed',
    `${call}() ran out of fuel: it may take what ${String(config.limits.initTimeoutMs)} ms of a record's time would buy`,
  );
}

/** The same of its instantiation, `thrown` by the engine or by a start section. */
export function instantiationFailure(
  thrown: unknown,
  what: 'module' | 'component',
  doesNotLink: boolean,
  config: GuestConfig,
): StreamlineError {
  if (doesNotLink && thrown instanceof Error) {
    return new StreamlineError('guest.init_failed', `the ${what} does not link: ${thrown.message}`, { cause: thrown });
  }
  if (thrown instanceof RangeError && !thrown.message.includes('call stack')) {
    return new StreamlineError('guest.init_failed', `no memory for an instance: ${thrown.message}`, { cause: thrown });
  }
  // A start section, which runs on the budget the meter gives it.
  return initFailure(thrown, 'start', Infinity, config);
}
