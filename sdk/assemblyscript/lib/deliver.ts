import { Header } from "./header";
import {
  hostEmit,
  hostEmitTombstone,
  hostHeaderAdd,
  hostHeaderRemove,
  hostHeaderSet,
  NULL_LENGTH,
} from "./host";
import { HeaderChange, HeaderVerb, Output } from "./output";
import { Record } from "./record";

/**
 * Writes outputs in their order: all by `emit`, but for the last, which is the answer of `transform` where it can be, so that nothing is copied
 * twice and `route` may name its topic.
 * @param at the input's frame
 * @param room bytes of `out`; what does not fit is emitted, and judged there by the limits of the host
 * @returns what `transform` returns
 */
export function deliver(outputs: Array<Output>, at: usize, out: usize, room: usize): i32 {
  const last = outputs.length - 1;
  const headers = new OutputHeaders(at, last > 0);
  for (let i = 0; i <= last; i++) {
    const output = unchecked(outputs[i]);
    headers.become(output.headerChanges);
    const value = output.value;
    if (value === null) {
      emitTombstone(output, at);
      continue;
    }
    const length = frameLength(output, value, at);
    const fits = length <= room;
    if (fits && i == last && output.topic === null) {
      writeFrame(output, value, at, out);
      return <i32>length;
    }
    const frame = fits ? out : heap.alloc(length);
    writeFrame(output, value, at, frame);
    emit(frame, length, output.topic);
    if (!fits) heap.free(frame);
  }
  return 0;
}

/** Of the frame at `at`. */
function inputKeyLength(at: usize): i32 {
  return load<i32>(at);
}

function keyLengthOf(output: Output, at: usize): i32 {
  if (!output.ownKey) return inputKeyLength(at);
  const key = output.key;
  return key === null ? NULL_LENGTH : key.length;
}

function keyStartOf(output: Output, at: usize): usize {
  const key = output.key;
  return output.ownKey && key !== null ? key.dataStart : at + 4;
}

function frameLength(output: Output, value: Uint8Array, at: usize): usize {
  return 4 + <usize>max(0, keyLengthOf(output, at)) + <usize>value.length;
}

function writeFrame(output: Output, value: Uint8Array, at: usize, frame: usize): void {
  const keyLength = keyLengthOf(output, at);
  const keyBytes = <usize>max(0, keyLength);
  store<i32>(frame, keyLength);
  memory.copy(frame + 4, keyStartOf(output, at), keyBytes);
  memory.copy(frame + 4 + keyBytes, value.dataStart, <usize>value.length);
}

function emit(frame: usize, length: usize, topic: string | null): void {
  if (topic === null) {
    hostEmit(frame, <i32>length, 0, 0);
    return;
  }
  const name = String.UTF8.encode(topic);
  hostEmit(frame, <i32>length, changetype<usize>(name), name.byteLength);
}

function emitTombstone(output: Output, at: usize): void {
  const name = String.UTF8.encode(output.topic === null ? "" : output.topic!);
  hostEmitTombstone(keyStartOf(output, at), keyLengthOf(output, at), changetype<usize>(name), name.byteLength);
}

/** The host's headers go from one output to the next; here each has the input's and its own changes, and no other's. */
class OutputHeaders {
  private touched: Array<string> = [];
  private originals: Array<Header> | null = null;

  constructor(
    private at: usize,
    private several: bool,
  ) {}

  become(changes: Array<HeaderChange>): void {
    if (this.touched.length > 0) this.restore(changes);
    if (changes.length == 0) return;
    // Before the first change, while they are still the input's.
    if (this.several && this.originals === null) this.originals = new Record(this.at, 4).headers();
    for (let i = 0; i < changes.length; i++) {
      const change = unchecked(changes[i]);
      apply(change.verb, change.header);
      if (!this.touched.includes(change.header.name)) this.touched.push(change.header.name);
    }
  }

  private restore(next: Array<HeaderChange>): void {
    for (let i = 0; i < this.touched.length; i++) {
      const name = this.touched[i];
      if (isReplaced(name, next)) continue;
      apply(HeaderVerb.Remove, new Header(name, null));
      const originals = this.originals!;
      for (let k = 0; k < originals.length; k++) {
        if (originals[k].name == name) apply(HeaderVerb.Add, originals[k]);
      }
    }
    this.touched = [];
  }
}

/** Whether the first change of that name does away with what was there. */
function isReplaced(name: string, changes: Array<HeaderChange>): bool {
  for (let i = 0; i < changes.length; i++) {
    if (changes[i].header.name == name) return changes[i].verb != HeaderVerb.Add;
  }
  return false;
}

function apply(verb: HeaderVerb, header: Header): void {
  const name = String.UTF8.encode(header.name);
  const at = changetype<usize>(name);
  if (verb == HeaderVerb.Remove) {
    hostHeaderRemove(at, name.byteLength);
    return;
  }
  const value = header.value;
  const valueAt: usize = value === null ? 0 : value.dataStart;
  const valueLength = value === null ? NULL_LENGTH : value.length;
  if (verb == HeaderVerb.Set) hostHeaderSet(at, name.byteLength, valueAt, valueLength);
  else hostHeaderAdd(at, name.byteLength, valueAt, valueLength);
}
