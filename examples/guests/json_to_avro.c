/*
 * Brings an API log line into the fields, names, types and order of the Avro schema examples/data/api-log.avsc, as JSON:
 * the sidecar's Avro encoder takes it from there. Unknown fields are dropped, optional ones get their default; a record
 * without a required field, or with one of the wrong type, fails. Numbers keep their text.
 */
#include "streamline.h"

typedef enum { AS_STRING, AS_UPPER, AS_INT, AS_DECIMAL, AS_TIME } kind_of;

typedef struct {
  sl_text from, to;
  kind_of kind;
  /* What is written when the field is missing or null; no text = required. */
  sl_text fallback;
} mapping;

#define FIELDS 10
static const mapping fields[FIELDS] = {
    {SL_TEXT("ts"), SL_TEXT("timestamp"), AS_TIME, {0}},
    {SL_TEXT("req_id"), SL_TEXT("request_id"), AS_STRING, {0}},
    {SL_TEXT("method"), SL_TEXT("method"), AS_UPPER, {0}},
    {SL_TEXT("path"), SL_TEXT("path"), AS_STRING, {0}},
    {SL_TEXT("status"), SL_TEXT("status"), AS_INT, {0}},
    {SL_TEXT("latency_ms"), SL_TEXT("duration_ms"), AS_DECIMAL, SL_TEXT("0.0")},
    {SL_TEXT("bytes_out"), SL_TEXT("response_bytes"), AS_INT, SL_TEXT("0")},
    {SL_TEXT("ip"), SL_TEXT("client_ip"), AS_STRING, SL_TEXT("null")},
    {SL_TEXT("user"), SL_TEXT("user_id"), AS_STRING, SL_TEXT("null")},
    {SL_TEXT("ua"), SL_TEXT("user_agent"), AS_STRING, SL_TEXT("null")},
};

static bool digits_at(const uint8_t *at, uint32_t count, uint32_t *into) {
  return sl_uint((sl_text){at, count, false}, 9999, into);
}

/** 2026-03-14T09:26:53.589Z, the milliseconds optional, to milliseconds since the epoch; only years from 1970 on. */
static bool time_of(sl_text text, uint64_t *into) {
  uint32_t year, month, day, hour, minute, second, milli = 0;
  const uint8_t *at = text.at;
  if (text.len != 20 && text.len != 24) return false;
  if (at[4] != '-' || at[7] != '-' || at[10] != 'T' || at[13] != ':' || at[16] != ':' || at[text.len - 1] != 'Z') return false;
  if (!digits_at(at, 4, &year) || !digits_at(at + 5, 2, &month) || !digits_at(at + 8, 2, &day)) return false;
  if (!digits_at(at + 11, 2, &hour) || !digits_at(at + 14, 2, &minute) || !digits_at(at + 17, 2, &second)) return false;
  if (text.len == 24 && (at[19] != '.' || !digits_at(at + 20, 3, &milli))) return false;
  static const uint8_t month_days[12] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  if (year < 1970 || month < 1 || month > 12 || hour > 23 || minute > 59 || second > 59) return false;
  bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
  if (day < 1 || day > month_days[month - 1] + (uint32_t)(leap && month == 2)) return false;
  uint32_t before = year - 1;
  uint64_t days = (uint64_t)(year - 1970) * 365 + (before / 4 - before / 100 + before / 400) - (1969 / 4 - 1969 / 100 + 1969 / 400);
  for (uint32_t m = 0; m < month - 1; m++) days += month_days[m] + (uint32_t)(leap && m == 1);
  *into = (((days + day - 1) * 24 + hour) * 60 + minute) * 60000 + second * 1000 + milli;
  return true;
}

static void put_upper(sl_writer *out, sl_text text) {
  for (uint32_t i = 0; i < text.len; i++) {
    uint8_t c = text.at[i] >= 'a' && text.at[i] <= 'z' ? text.at[i] - ('a' - 'A') : text.at[i];
    sl_put(out, &c, 1);
  }
}

static bool put_value(sl_writer *out, kind_of kind, sl_token token, sl_text raw) {
  sl_text inside = {raw.at + 1, raw.len - 2, false};
  uint32_t small;
  uint64_t time;
  switch (kind) {
    case AS_STRING:
      if (token != SL_STRING) return false;
      sl_put_text(out, raw);
      return true;
    case AS_UPPER:
      if (token != SL_STRING) return false;
      for (uint32_t i = 0; i < inside.len; i++) {
        if (inside.at[i] == '\\') return false; /* no HTTP method has an escape */
      }
      put_upper(out, raw);
      return true;
    case AS_INT:
      if (token != SL_NUMBER || !sl_uint(raw, 2147483647, &small)) return false;
      sl_put_text(out, raw);
      return true;
    case AS_DECIMAL:
      if (token != SL_NUMBER) return false;
      sl_put_text(out, raw);
      return true;
    case AS_TIME:
      if (token != SL_STRING || !time_of(inside, &time)) return false;
      sl_put_uint(out, time);
      return true;
  }
  return false;
}

/** Takes any object: schema_registry_subject is the sidecar's to read. */
SL_EXPORT("init") uint32_t init(const uint8_t *in, uint32_t len) {
  sl_json config;
  sl_text raw;
  sl_json_begin(&config, in, len);
  return sl_value(&config, &raw) == SL_OBJECT;
}

SL_EXPORT("transform") uint32_t transform(const uint8_t *in, uint32_t len, uint8_t *out) {
  sl_record record;
  if (!sl_read(in, len, &record)) return SL_FAILED;
  sl_text raws[FIELDS] = {0};
  sl_token tokens[FIELDS];
  for (uint32_t i = 0; i < FIELDS; i++) tokens[i] = SL_NULL;
  sl_object object;
  sl_object_begin(&object, record.value, record.value_len);
  while (sl_field(&object)) {
    for (uint32_t i = 0; i < FIELDS; i++) {
      if (!sl_is(object.key, fields[i].from)) continue;
      tokens[i] = object.kind;
      raws[i] = object.raw;
    }
  }
  if (object.brace == NULL) return SL_FAILED;
  sl_writer writer = sl_write(out, &record);
  for (uint32_t i = 0; i < FIELDS; i++) {
    sl_put_text(&writer, i == 0 ? SL_TEXT("{\"") : SL_TEXT(",\""));
    sl_put_text(&writer, fields[i].to);
    sl_put_text(&writer, SL_TEXT("\":"));
    if (tokens[i] != SL_NULL) {
      if (!put_value(&writer, fields[i].kind, tokens[i], raws[i])) return SL_FAILED;
    } else if (fields[i].fallback.len > 0) {
      sl_put_text(&writer, fields[i].fallback);
    } else {
      return SL_FAILED;
    }
  }
  sl_put_text(&writer, SL_TEXT("}"));
  return sl_written(&writer);
}
