/*
 * Masks e-mail addresses in JSON events: what stands before the @ becomes ***. Every other byte stays as it came.
 *
 * config: { "fields": ["email", …] }
 */
#include "streamline.h"

#define FIELDS_MAX 16

/* Of the event, that hold an address. */
static sl_text fields[FIELDS_MAX];
static uint32_t fields_count;

/** Says why, in the transform's log. */
static void complain(sl_text why) { sl_log(SL_LOG_ERROR, why.at, why.len); }

static bool read_fields(sl_json *config) {
  if (sl_next(config) != SL_ARRAY) return false;
  sl_token token;
  while ((token = sl_next(config)) == SL_STRING) {
    if (fields_count == FIELDS_MAX) return false;
    /* A copy: names are compared without their escapes. */
    sl_text name = sl_keep_name(config->text);
    if (name.at == NULL) return false;
    fields[fields_count++] = name;
  }
  return token == SL_ARRAY_END;
}

static bool read_config(const uint8_t *in, uint32_t len) {
  sl_json config;
  sl_json_begin(&config, in, len);
  if (sl_next(&config) != SL_OBJECT) return false;
  sl_token token;
  while ((token = sl_next(&config)) == SL_KEY) {
    if (!sl_is(config.text, SL_TEXT("fields")) || !read_fields(&config)) return false;
  }
  return token == SL_OBJECT_END && fields_count > 0;
}

/** Once, before the first record. 0 refuses the deploy. */
SL_EXPORT("init") uint32_t init(const uint8_t *in, uint32_t len) {
  fields_count = 0;
  if (read_config(in, len)) return 1;
  complain(SL_TEXT("config: expected {\"fields\": [\"email\", …]} with 1 to 16 names, and nothing else"));
  return 0;
}

static bool holds_address(sl_text key) {
  for (uint32_t i = 0; i < fields_count; i++) {
    if (sl_is(key, fields[i])) return true;
  }
  return false;
}

/** Bytes before the last @: of a text without one none, and all of them where an escape could hide it. */
static uint32_t before_at_sign(sl_text text) {
  for (uint32_t i = text.len; i > 0; i--) {
    if (text.at[i - 1] == '@') return i - 1;
  }
  return text.escaped ? text.len : 0;
}

SL_EXPORT("transform") uint32_t transform(const uint8_t *in, uint32_t len, uint8_t *out) {
  sl_record record;
  if (!sl_read(in, len, &record)) return SL_FAILED;
  sl_writer writer = sl_write(out, &record);
  const uint8_t *next = record.value; /* what has not been written yet */
  sl_object object;
  sl_object_begin(&object, record.value, record.value_len);
  while (sl_field(&object)) {
    if (object.kind != SL_STRING || !holds_address(object.key)) continue;
    uint32_t hidden = before_at_sign(object.text);
    if (hidden == 0) continue;
    sl_put(&writer, next, (uint32_t)(object.text.at - next));
    sl_put_text(&writer, SL_TEXT("***"));
    next = object.text.at + hidden;
  }
  if (object.brace == NULL) {
    complain(SL_TEXT("the value is no JSON object"));
    return SL_FAILED;
  }
  if (next == record.value) return SL_UNCHANGED;
  sl_put(&writer, next, (uint32_t)(record.value + record.value_len - next));
  if (writer.full) {
    complain(SL_TEXT("the output does not fit"));
    return SL_FAILED;
  }
  sl_text counter = SL_TEXT("events_masked");
  sl_metric_add(counter.at, counter.len, 1);
  return sl_written(&writer);
}
