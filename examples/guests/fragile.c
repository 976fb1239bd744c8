/*
 * A guest with bugs, for the demo: it upper-cases a field, loops for ever on {"poison":"spin"} and traps on
 * {"poison":"trap"}. The records beside them must come out all the same.
 *
 * config: { "uppercase_field": "device_id" }
 */
#include "streamline.h"

static sl_text uppercase_field;

SL_EXPORT("init") uint32_t init(const uint8_t *in, uint32_t len) {
  sl_json config;
  sl_json_begin(&config, in, len);
  uppercase_field = SL_TEXT("device_id");
  if (sl_next(&config) != SL_OBJECT) return 0;
  sl_token token;
  while ((token = sl_next(&config)) == SL_KEY) {
    if (!sl_is(config.text, SL_TEXT("uppercase_field")) || sl_next(&config) != SL_STRING) return 0;
    uppercase_field = sl_keep_name(config.text);
    if (uppercase_field.at == NULL) return 0;
  }
  return token == SL_OBJECT_END;
}

static void misbehave(sl_text how) {
  if (sl_is(how, SL_TEXT("spin"))) {
    for (volatile uint32_t turns = 0;; turns++) {
    }
  }
  if (sl_is(how, SL_TEXT("trap"))) __builtin_trap();
}

/** ASCII letters only; an escape keeps its letters, \n must not become \N. */
static void uppercase(uint8_t *at, uint32_t len) {
  for (uint32_t i = 0; i < len; i++) {
    if (at[i] == '\\') i += at[i + 1] == 'u' ? 5 : 1;
    else if (at[i] >= 'a' && at[i] <= 'z') at[i] -= 'a' - 'A';
  }
}

SL_EXPORT("transform") uint32_t transform(const uint8_t *in, uint32_t len, uint8_t *out) {
  sl_record record;
  if (!sl_read(in, len, &record)) return SL_FAILED;
  sl_writer writer = sl_write(out, &record);
  uint8_t *value = writer.next;
  sl_put(&writer, record.value, record.value_len);
  if (writer.full) return SL_FAILED;
  sl_object object;
  sl_object_begin(&object, record.value, record.value_len);
  while (sl_field(&object)) {
    if (object.kind != SL_STRING) continue;
    if (sl_is(object.key, SL_TEXT("poison"))) misbehave(object.text);
    if (sl_is(object.key, uppercase_field)) uppercase(value + (object.text.at - record.value), object.text.len);
  }
  return object.brace == NULL ? SL_FAILED : sl_written(&writer);
}
