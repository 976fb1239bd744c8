/* Unit tests of what needs no record: each exported function is one (template/tests/run.js runs them). */
import { Json, JsonKind, Writer } from "../../lib";

function parsed(text: string): Json | null {
  return Json.parse(Uint8Array.wrap(String.UTF8.encode(text)));
}

function json(text: string): Json {
  const value = parsed(text);
  assert(value !== null, "no JSON: " + text);
  return value!;
}

function written(writer: Writer): string {
  return String.UTF8.decode(writer.take().slice(0).buffer);
}

export function takesWhatIsJson(): void {
  const good = ["{}", "[]", " 1 ", "-0.5e+10", "1E5", "0", "true", "false", "null", '""', '"\\u00e9\\n\\/"', '[1,[2,{"a":{}}]]', '\t{ "a" : 1 , "b":[ ] }\n'];
  for (let i = 0; i < good.length; i++) assert(parsed(good[i]) !== null, good[i]);
}

export function refusesWhatIsNot(): void {
  const bad = ["", " ", "{", "}", "[1,]", '{"a":1,}', '{"a"}', "{a:1}", "01", "1.", ".5", "-", "1e", "+1", "tru", "nul", "nulll", "fals", '"', '"\\x"', '"\\u12g4"', '"\\u12', "\"\n\"", "1 2", '{"a":1}}', "['a']", '{"a" 1}', "[1 2]"];
  for (let i = 0; i < bad.length; i++) assert(parsed(bad[i]) === null, bad[i]);
}

export function nestsTo128(): void {
  assert(parsed("[".repeat(128) + "]".repeat(128)) !== null);
  assert(parsed("[".repeat(129) + "]".repeat(129)) === null);
  assert(parsed("[".repeat(100000)) === null);
}

export function knowsKinds(): void {
  assert(json("{}").kind == JsonKind.Object && json("[]").kind == JsonKind.Array && json('"a"').kind == JsonKind.String);
  assert(json("-1").kind == JsonKind.Number && json("true").kind == JsonKind.Bool && json("null").kind == JsonKind.Null);
  assert(json("true").isTrue && !json("false").isTrue);
  assert(json("12.5").number == 12.5 && isNaN(json('"1"').number));
}

export function textsWithoutTheirEscapes(): void {
  assert(json('"a\\"\\\\\\/\\b\\f\\n\\r\\t\\u00fc\\ud83d\\ude00ü"').text == 'a"\\/\b\f\n\r\tü😀ü');
  assert(json('""').text == "");
  assert(json("1.50").text == "1.50");
}

export function findsTheLastOfAName(): void {
  const value = json('{"a":1,"b":{"a":2},"\\u0061":3, "ab":4}');
  assert(value.find("a")!.raw == "3");
  assert(value.find("b")!.find("a")!.raw == "2");
  assert(value.find("c") === null && value.find("") === null && json("[]").find("a") === null);
}

export function tellsFieldsAndItems(): void {
  const fields = json('{ "a" : 1 , "b\\n":[ 2 ] }').fields();
  assert(fields.length == 2 && fields[0].name == "a" && fields[1].name == "b\n" && fields[1].value.raw == "[ 2 ]");
  const items = json('[ 1 ,"2", {"a":3} ]').items();
  assert(items.length == 3 && items[0].raw == "1" && items[1].text == "2" && items[2].find("a")!.raw == "3");
  assert(json("{ }").fields().length == 0 && json("[ ]").items().length == 0 && json("1").items().length == 0);
  assert(json('{"a":1,"x":2}').fieldBeyond(["a"]) == "x" && json('{"a":1}').fieldBeyond(["a"]) === null);
}

export function writesAndGrows(): void {
  const writer = new Writer(1);
  for (let i = 0; i < 1000; i++) writer.text("ü€😀").bytes(Uint8Array.wrap(String.UTF8.encode("0123")), 1, 3);
  assert(written(writer) == "ü€😀12".repeat(1000));
}

export function quotesWhatJsonMustQuote(): void {
  const texts = ["", "a", 'a"b\\c', "\u0001\n\r\t", "ü😀", "x".repeat(1000)];
  for (let i = 0; i < texts.length; i++) assert(json(written(new Writer(1).quoted(texts[i]))).text == texts[i], texts[i]);
  // Half of a pair: UTF-8 has no such thing.
  assert(written(new Writer().quoted("a" + String.fromCharCode(0xd83d) + "b")) == '"a\\ud83db"');
  assert(written(new Writer().quoted("a\u0001b")) == '"a\\u0001b"');
}
