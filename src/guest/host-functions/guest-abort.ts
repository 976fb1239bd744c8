/** Thrown by a host function to end the guest's call: the guest asked for it (abort, proc_exit). */
export class GuestAbort extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'GuestAbort';
  }
}
