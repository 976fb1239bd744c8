import { Header } from "./header";

export enum HeaderVerb {
  Set,
  Add,
  Remove,
}

export class HeaderChange {
  constructor(
    public verb: HeaderVerb,
    public header: Header,
  ) {}
}

/**
 * One record to write. Unless told otherwise it has the key and the headers of the input and goes to the spec's `output_topic`. Its methods
 * change it and answer it, so that they can be chained. The timestamp is always the input's.
 */
export class Output {
  /** null = the input's, if `ownKey` is false. */
  key: Uint8Array | null = null;
  ownKey: bool = false;
  topic: string | null = null;
  headerChanges: Array<HeaderChange> = [];

  /** A value of null writes a tombstone. The bytes are copied when the record ends, not before. */
  constructor(public value: Uint8Array | null) {}

  /** An output of a text, in UTF-8. */
  static text(value: string): Output {
    return new Output(Uint8Array.wrap(String.UTF8.encode(value)));
  }

  /** Its own key; null = none. */
  withKey(key: Uint8Array | null): Output {
    this.key = key;
    this.ownKey = true;
    return this;
  }

  withKeyText(key: string): Output {
    return this.withKey(Uint8Array.wrap(String.UTF8.encode(key)));
  }

  /** Another topic than the spec's, of at most 249 bytes; it has to exist. */
  to(topic: string): Output {
    this.topic = topic;
    return this;
  }

  /** One header of this name, in place of all the input has. */
  setHeader(name: string, value: string): Output {
    return this.change(HeaderVerb.Set, new Header(name, Uint8Array.wrap(String.UTF8.encode(value))));
  }

  /** As setHeader, of bytes; null is a header without value. */
  setHeaderBytes(name: string, value: Uint8Array | null): Output {
    return this.change(HeaderVerb.Set, new Header(name, value));
  }

  /** One more header, last; others of this name stay. */
  addHeader(name: string, value: string): Output {
    return this.change(HeaderVerb.Add, new Header(name, Uint8Array.wrap(String.UTF8.encode(value))));
  }

  /** None of this name. */
  removeHeader(name: string): Output {
    return this.change(HeaderVerb.Remove, new Header(name, null));
  }

  private change(verb: HeaderVerb, header: Header): Output {
    this.headerChanges.push(new HeaderChange(verb, header));
    return this;
  }
}
