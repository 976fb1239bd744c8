/** Something a person can act on: printed as one line. */
export class DemoError extends Error {
  override readonly name = 'DemoError';
}
