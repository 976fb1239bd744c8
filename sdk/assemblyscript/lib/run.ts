import { capacityOf } from "./buffers";
import { deliver } from "./deliver";
import { Json } from "./json";
import { Level, log } from "./log";
import { Record } from "./record";
import { Result } from "./result";

/** What a transform is: one record in, what becomes of it out. */
export type Transform = (record: Record) => Result;
/** Takes the spec's `config`; answers why it refuses it, null when it does not. */
export type SetUp = (config: Json) => string | null;
/** Names the topic of what leaves; "" = the spec's `output_topic`. */
export type TopicOf = (record: Record) => string;

const FAILED: i32 = -1;
const TOPIC_BYTES_MAX: i32 = 249;

/** What `decide` found out about the record that `answer` is asked next: the ABI calls filter first, then transform on the same bytes. */
let decided: Result | null = null;

/** Body of the export `init`: 0 refuses the deploy, its reason in the log. */
export function configure(at: usize, length: i32, setUp: SetUp): i32 {
  const text = new Uint8Array(length);
  memory.copy(text.dataStart, at, length);
  const config = Json.parse(text);
  const problem = config === null ? "the config is no JSON" : setUp(config);
  if (problem === null) return 1;
  log(Level.Error, "config: " + problem);
  return 0;
}

/** Body of the export `filter`, where the transform runs: only here a record can be dropped. */
export function decide(at: usize, length: i32, transform: Transform): i32 {
  const result = resultOf(at, length, transform);
  decided = result;
  return result.isDrop ? 0 : 1;
}

/** Body of the export `transform`, where its outputs are written: only here the host takes them. */
export function answer(at: usize, length: i32, out: usize, transform: Transform): i32 {
  const known = decided;
  decided = null;
  const result = known === null ? resultOf(at, length, transform) : known;
  const failure = result.failure;
  if (failure !== null) return failed(failure);
  const outputs = result.outputs;
  if (outputs === null) return 0;
  if (outputs.length == 0) return failed("the record is to be dropped, but the module exports no filter: see assembly/index.ts");
  return deliver(outputs, at, out, capacityOf(out));
}

/**
 * Body of the export `route`, for a module that has one: names the topic of a record whose transform was `unchanged`, or of its last output
 * when that names none. A record of that output is what it is given.
 */
export function routeBy(at: usize, length: i32, out: usize, topicOf: TopicOf): i32 {
  const record = Record.framed(at, length);
  if (record === null) return 0;
  const topic = topicOf(record);
  const bytes = String.UTF8.byteLength(topic);
  // What is too long the host refuses by its length.
  if (bytes <= TOPIC_BYTES_MAX) String.UTF8.encodeUnsafe(changetype<usize>(topic), topic.length, out);
  return bytes;
}

function resultOf(at: usize, length: i32, transform: Transform): Result {
  const record = Record.framed(at, length);
  return record === null ? Result.fail("the input is no frame: the spec needs payload: framed") : transform(record);
}

function failed(message: string): i32 {
  log(Level.Error, message);
  return FAILED;
}
