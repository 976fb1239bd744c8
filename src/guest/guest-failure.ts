import type { ErrorCode } from '../base/error-code.ts';
import { GuestAbort } from './host-functions/guest-abort.ts';

/** How a call into a guest ended badly. */
export interface GuestFailure {
  readonly code: ErrorCode;
  readonly message: string;
}

/** Thrown inside a call by code of ours that finds the guest at fault; never leaves the instance. */
export class GuestFault extends Error implements GuestFailure {
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string) {
    super(message);
    this.name = 'GuestFault';
    this.code = code;
  }
}

export function outOfFuel(call: string, timeoutMs: number): GuestFault {
  return new GuestFault('guest.out_of_fuel', `${call}() used up the fuel of timeout_ms ${String(timeoutMs)}`);
}

/**
 * What a thrown value says about the guest's call. Rethrows what no guest can cause: that is a bug of ours.
 * @param fuelLeft as the meter has it after the call; Infinity for a module without a meter
 */
export function guestFailureOf(thrown: unknown, call: string, fuelLeft: number, timeoutMs: number): GuestFailure {
  if (thrown instanceof GuestFault) return thrown;
  if (thrown instanceof GuestAbort) return { code: 'guest.aborted', message: `${call}(): ${thrown.message}` };
  // Before the kinds of trap: a meter traps with `unreachable`, which a guest may also do by itself.
  if (fuelLeft < 0) return outOfFuel(call, timeoutMs);
  if (thrown instanceof WebAssembly.RuntimeError) {
    return { code: 'guest.trap', message: `${call}(): ${thrown.message}` };
  }
  // V8 has one stack for JavaScript and WebAssembly, and one error for its end.
  if (thrown instanceof RangeError && thrown.message.includes('call stack')) {
    return { code: 'guest.stack_overflow', message: `${call}(): the call stack overflowed` };
  }
  if (thrown instanceof WebAssembly.Exception) {
    return { code: 'guest.trap', message: `${call}(): an exception that nothing caught` };
  }
  throw thrown;
}
