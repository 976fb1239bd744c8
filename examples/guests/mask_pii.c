/*
 * Masks the string values of the configured fields, at any depth, in one pass over the bytes: what is not masked leaves
 * as it came (key order, spaces, number text).
 *
 * config: { "fields_to_mask": ["email", …], "on_invalid": "fail" | "pass" }
 * A value that is not JSON fails by default: let through, it could carry what should have been masked.
 */
#include "streamline.h"

#define FIELDS_MAX 64

static sl_text fields[FIELDS_MAX];
static uint32_t fields_count;
/* Bit n: a field of n bytes exists (31 = 31 or more), so most keys are ruled out by their length. */
static uint32_t lengths;
static bool pass_invalid;

static const sl_text mask = {(const uint8_t *)"***REDACTED***", 14, false};

static inline uint32_t length_bit(uint32_t len) { return 1u << (len < 31 ? len : 31); }

static inline bool is_masked(sl_text key) {
  if (!key.escaped && (lengths & length_bit(key.len)) == 0) return false;
  for (uint32_t i = 0; i < fields_count; i++) {
    if (sl_is(key, fields[i])) return true;
  }
  return false;
}

static bool read_fields(sl_json *config) {
  if (sl_next(config) != SL_ARRAY) return false;
  sl_token token;
  while ((token = sl_next(config)) == SL_STRING) {
    if (fields_count == FIELDS_MAX) return false;
    sl_text name = sl_keep_name(config->text);
    if (name.at == NULL) return false;
    fields[fields_count++] = name;
    lengths |= length_bit(name.len);
  }
  return token == SL_ARRAY_END;
}

static bool read_on_invalid(sl_json *config) {
  if (sl_next(config) != SL_STRING) return false;
  pass_invalid = sl_is(config->text, SL_TEXT("pass"));
  return pass_invalid || sl_is(config->text, SL_TEXT("fail"));
}

/** Refuses a config that masks nothing or that it does not understand: a typo must not let data through. */
SL_EXPORT("init") uint32_t init(const uint8_t *in, uint32_t len) {
  sl_json config;
  sl_json_begin(&config, in, len);
  fields_count = 0;
  lengths = 0;
  pass_invalid = false;
  if (sl_next(&config) != SL_OBJECT) return 0;
  sl_token token;
  while ((token = sl_next(&config)) == SL_KEY) {
    if (sl_is(config.text, SL_TEXT("fields_to_mask"))) {
      if (!read_fields(&config)) return 0;
    } else if (!sl_is(config.text, SL_TEXT("on_invalid")) || !read_on_invalid(&config)) {
      return 0;
    }
  }
  return token == SL_OBJECT_END && fields_count > 0;
}

SL_EXPORT("transform") uint32_t transform(const uint8_t *in, uint32_t len, uint8_t *out) {
  sl_record record;
  if (!sl_read(in, len, &record)) return SL_FAILED;
  sl_writer writer = {0};
  const uint8_t *copied = record.value;
  sl_json json;
  sl_json_begin(&json, record.value, record.value_len);
  sl_token token;
  while ((token = sl_next(&json)) > SL_END) {
    if (token != SL_KEY || !is_masked(json.text)) continue;
    const uint8_t *value_at = json.next;
    sl_space(&json);
    if (json.next == json.end || *json.next != '"') {
      json.next = value_at;
      continue;
    }
    if (sl_next(&json) != SL_STRING) break;
    if (writer.start == NULL) writer = sl_write(out, &record);
    sl_put(&writer, copied, (uint32_t)(json.text.at - copied));
    sl_put_text(&writer, mask);
    copied = json.text.at + json.text.len;
  }
  if (token != SL_END) return pass_invalid ? SL_UNCHANGED : SL_FAILED;
  if (writer.start == NULL) return SL_UNCHANGED;
  sl_put(&writer, copied, (uint32_t)(record.value + record.value_len - copied));
  return sl_written(&writer);
}
