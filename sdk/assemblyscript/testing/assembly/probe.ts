/* Does what the first word of a value says, so that each part of the library can be seen from outside (sdk.test.ts). */
import { Json, Level, log, metricAdd, metricSet, Output, Record, Result, Writer } from "../../lib";

const kept = new Map<string, Uint8Array>();

export function setUp(config: Json): string | null {
  const unknown = config.fieldBeyond(["greeting"]);
  if (unknown !== null) return "unknown field " + unknown;
  const greeting = config.find("greeting");
  if (greeting !== null && greeting.text == "throw") throw new Error("set-up threw");
  return null;
}

export function topicOf(record: Record): string {
  const text = record.valueText;
  return text.startsWith("routed ") ? text.substring(7) : "";
}

export function probe(record: Record): Result {
  const words = record.valueText.split(" ");
  const verb = words[0];
  if (verb == "unchanged" || verb == "routed") return Result.unchanged();
  if (verb == "" && record.keyText == "tombstone?") return Result.text(record.isTombstone ? "yes" : "no");
  if (verb == "drop") return Result.drop();
  if (verb == "fail") return Result.fail("failed as told");
  if (verb == "throw") throw new Error("threw as told");
  if (verb == "text") return Result.text(words[1]);
  if (verb == "value") return Result.value(record.value);
  if (verb == "nothing") return Result.value(new Uint8Array(0));
  if (verb == "big") return Result.value(new Uint8Array(I32.parseInt(words[1])));
  if (verb == "tombstone") return Result.output(new Output(null));
  if (verb == "keyless-tombstone") return Result.output(new Output(null).withKey(null).to("gone"));
  if (verb == "key") return Result.output(Output.text(record.keyText).withKeyText("own"));
  if (verb == "keyless") return Result.output(Output.text(record.key === null ? "null" : "some").withKey(null));
  if (verb == "to") return Result.output(Output.text("there").to(words[1]));
  if (verb == "seen") return Result.text(seen(record));
  if (verb == "headers") return Result.text(headersOf(record));
  if (verb == "several") return Result.all(several(record));
  if (verb == "set") return Result.output(Output.text("set").setHeader("a", "new").setHeaderBytes("n", null).addHeader("b", "2"));
  if (verb == "each") return Result.all(each(I32.parseInt(words[1])));
  if (verb == "metric") return measured();
  if (verb == "churn") return churned(I32.parseInt(words[1]));
  if (verb == "remember") return remembered(record);
  log(Level.Warn, "unknown verb " + verb);
  return Result.unchanged();
}

function seen(record: Record): string {
  const header = record.header("a");
  return [
    record.topic,
    record.partition.toString(),
    record.offset.toString(),
    record.timestampMs.toString(),
    record.headerCount.toString(),
    header === null ? "none" : header.text,
  ].join(" ");
}

function headersOf(record: Record): string {
  const headers = record.headers();
  let text = "";
  for (let i = 0; i < headers.length; i++) {
    const value = headers[i].value;
    text += headers[i].name + "=" + (value === null ? "null" : headers[i].text) + ";";
  }
  return text;
}

/** Each changes other headers: none may see what another did. */
function several(record: Record): Array<Output> {
  return [
    Output.text("1").setHeader("a", "one"),
    Output.text("2").addHeader("a", "two"),
    Output.text("3").removeHeader("a").addHeader("c", "three"),
    new Output(null).to("gone"),
    new Output(record.value).to("there"),
    Output.text("6"),
  ];
}

function each(count: i32): Array<Output> {
  const outputs = new Array<Output>();
  for (let i = 0; i < count; i++) outputs.push(Output.text(i.toString()).setHeader("index", i.toString()));
  return outputs;
}

function measured(): Result {
  metricAdd("probes");
  metricSet("level", 2.5);
  return Result.drop();
}

/** So many kilobytes that nobody keeps. */
function churned(count: i32): Result {
  let sum = 0;
  for (let i = 0; i < count; i++) sum += new Uint8Array(1000).fill(1)[i % 1000];
  return Result.text(sum.toString());
}

/** Holds on to the last value of 100 keys, for a test of what stays over records. */
function remembered(record: Record): Result {
  const key = record.keyText;
  const before = kept.has(key) ? kept.get(key) : new Uint8Array(0);
  kept.set(key, record.value);
  return Result.value(new Writer().text("before: ").bytes(before).take());
}
