import { Json, Output, Record, Result, Writer } from "../../../../sdk/assemblyscript/lib";

/** What stands for key and index in `key`. */
const KEY = "{key}";
const INDEX = "{index}";

let itemsField = "";
let keep: Array<string> = [];
let keyPattern = "{key}-{index}";
let indexHeader = "fan-out-index";

/** `items_field`, required; `keep`, fields that each item gets too; `key`, the pattern of its key; `header`, the name of its index. */
export function setUp(config: Json): string | null {
  if (!config.isObject) return "it has to be an object";
  const unknown = config.fieldBeyond(["items_field", "keep", "key", "header"]);
  if (unknown !== null) return "unknown field " + unknown;
  const items = config.find("items_field");
  if (items === null || !items.isString || items.text == "") return "items_field has to name a field";
  itemsField = items.text;
  const key = config.find("key");
  if (key !== null) {
    if (!key.isString) return "key has to be a text";
    keyPattern = key.text;
  }
  const header = config.find("header");
  if (header !== null) {
    if (!header.isString || header.text == "") return "header has to be a name";
    indexHeader = header.text;
  }
  return setUpKeep(config.find("keep"));
}

function setUpKeep(names: Json | null): string | null {
  if (names === null) return null;
  if (!names.isArray) return "keep has to be a list of fields";
  const items = names.items();
  for (let i = 0; i < items.length; i++) {
    if (!items[i].isString) return "keep has to be a list of fields";
    if (items[i].text == itemsField) return "keep must not have items_field in it";
    keep.push(items[i].text);
  }
  return null;
}

/** One record for each item; none of an empty list. */
export function fanOut(record: Record): Result {
  const order = Json.parse(record.value);
  if (order === null || !order.isObject) return Result.fail("the value is no JSON object");
  const list = order.find(itemsField);
  if (list === null || !list.isArray) return Result.fail("the value has no list " + itemsField);
  const kept = new Array<Json | null>(keep.length);
  for (let i = 0; i < keep.length; i++) kept[i] = order.find(keep[i]);
  const key = record.key;
  const items = list.items();
  const outputs = new Array<Output>();
  for (let i = 0; i < items.length; i++) {
    const output = new Output(valueOf(items[i], kept)).setHeader(indexHeader, i.toString());
    // A record without a key has items without one: they must not be made to look related.
    if (key !== null) output.withKey(keyOf(key, i.toString()));
    outputs.push(output);
  }
  return Result.all(outputs);
}

/** The pattern filled in. The key's bytes are taken as they are, text or not. */
function keyOf(key: Uint8Array, index: string): Uint8Array {
  const writer = new Writer(key.length + keyPattern.length + 16);
  const parts = keyPattern.split(KEY);
  for (let i = 0; i < parts.length; i++) {
    if (i > 0) writer.bytes(key);
    writer.text(parts[i].replaceAll(INDEX, index));
  }
  return writer.take();
}

/** The kept fields of the record, then those of the item; an item that is no object stands under `item`. Digits stay as they are. */
function valueOf(item: Json, kept: Array<Json | null>): Uint8Array {
  const writer = new Writer(item.end - item.start + 64).text("{");
  let fields = 0;
  for (let i = 0; i < keep.length; i++) {
    const value = kept[i];
    // A field of the item is nearer.
    if (value === null || item.find(keep[i]) !== null) continue;
    if (fields++ > 0) writer.text(",");
    writer.quoted(keep[i]).text(":").bytes(value.bytes, value.start, value.end);
  }
  if (!item.isObject) {
    if (fields > 0) writer.text(",");
    return writer.text('"item":').bytes(item.bytes, item.start, item.end).text("}").take();
  }
  const own = item.fields();
  if (own.length > 0 && fields > 0) writer.text(",");
  return writer.bytes(item.bytes, item.start + 1, item.end).take();
}
