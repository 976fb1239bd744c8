import { Output } from "./output";

/** What becomes of a record. */
export class Result {
  private constructor(
    /** null unless it is `outputs`; of no outputs, it is dropped. */
    public outputs: Array<Output> | null,
    /** null unless it failed. */
    public failure: string | null,
  ) {}

  /** It goes on as it came. */
  static unchanged(): Result {
    return new Result(null, null);
  }

  /** Nothing comes out, and nothing is wrong. */
  static drop(): Result {
    return new Result([], null);
  }

  /** The record fails, with a line of the log that says why (guest.failed); the spec's `errors` say what then. */
  static fail(message: string): Result {
    return new Result(null, message);
  }

  /** A new value; key and headers stay. */
  static value(value: Uint8Array): Result {
    return new Result([new Output(value)], null);
  }

  /** A new value of text, in UTF-8; key and headers stay. */
  static text(value: string): Result {
    return new Result([Output.text(value)], null);
  }

  /** One output. */
  static output(output: Output): Result {
    return new Result([output], null);
  }

  /** Any number of outputs, which leave together in this order; none = drop. Up to `limits.record_outputs`. */
  static all(outputs: Array<Output>): Result {
    return new Result(outputs, null);
  }

  get isDrop(): bool {
    const outputs = this.outputs;
    return outputs !== null && outputs.length == 0;
  }
}
