import { Json, Record, Result, Writer } from "./streamline";
import { maskedEmail } from "./masked-email";

/** The field that holds an e-mail address. */
let field = "email";

/** Takes `config` of the spec, once; a text answered refuses it. */
export function setUp(config: Json): string | null {
  const unknown = config.fieldBeyond(["field"]);
  if (unknown !== null) return "unknown field " + unknown;
  const name = config.find("field");
  if (name === null) return null;
  if (!name.isString) return "field has to be a text";
  field = name.text;
  return null;
}

/** Masks the address in one field; every other byte of the value stays. */
export function transform(record: Record): Result {
  const value = Json.parse(record.value);
  if (value === null || !value.isObject) return Result.fail("the value is no JSON object");
  const email = value.find(field);
  if (email === null || !email.isString) return Result.unchanged();
  const bytes = value.bytes;
  const masked = new Writer(bytes.length)
    .bytes(bytes, 0, email.start)
    .quoted(maskedEmail(email.text))
    .bytes(bytes, email.end)
    .take();
  return Result.value(masked);
}
