/*
 * Flight records (vega-datasets' flights-*.json) to SI units: delay in minutes → delay_s, distance in miles → distance_m
 * (1 mile = 1609.344 m), computed in decimal, so nothing is rounded. Every other byte stays as it came.
 * Cancelled flights (no delay, or null) and those shorter than min_distance_miles are dropped by filter.
 *
 * config: { "min_distance_miles": 100 }
 */
#include "streamline.h"

#define DIGITS_MAX 12u /* with × 1609344 still within 64 bits */

static uint32_t min_distance_miles;

SL_EXPORT("init") uint32_t init(const uint8_t *in, uint32_t len) {
  sl_json config;
  sl_json_begin(&config, in, len);
  min_distance_miles = 0;
  if (sl_next(&config) != SL_OBJECT) return 0;
  sl_token token;
  while ((token = sl_next(&config)) == SL_KEY) {
    if (!sl_is(config.text, SL_TEXT("min_distance_miles")) || sl_next(&config) != SL_NUMBER) return 0;
    if (!sl_uint(config.text, 1000000, &min_distance_miles)) return 0;
  }
  return token == SL_OBJECT_END;
}

typedef struct {
  bool negative;
  uint64_t digits; /* value = digits / 10^scale */
  uint32_t scale;
} decimal;

static bool decimal_of(sl_text text, decimal *into) {
  *into = (decimal){0};
  uint32_t count = 0;
  bool fraction = false;
  for (uint32_t i = 0; i < text.len; i++) {
    uint8_t c = text.at[i];
    if (c == '-') into->negative = true;
    else if (c == '.') fraction = true;
    else if (c < '0' || c > '9' || ++count > DIGITS_MAX) return false; /* an exponent, or out of this guest's range */
    else {
      into->digits = into->digits * 10 + (c - '0');
      into->scale += fraction;
    }
  }
  return true;
}

static void put_decimal(sl_writer *out, decimal n) {
  while (n.scale > 0 && n.digits % 10 == 0) {
    n.digits /= 10;
    n.scale--;
  }
  uint64_t unit = 1;
  for (uint32_t i = 0; i < n.scale; i++) unit *= 10;
  if (n.negative && n.digits > 0) sl_put_text(out, SL_TEXT("-"));
  sl_put_uint(out, n.digits / unit);
  if (n.scale == 0) return;
  sl_put_text(out, SL_TEXT("."));
  uint64_t rest = n.digits % unit;
  for (unit /= 10; unit > 0; unit /= 10) sl_put(out, (const uint8_t *)"0123456789" + rest / unit % 10, 1);
}

typedef struct {
  /* Key and value as they stand in the record; kind is SL_NULL when the field is missing. */
  sl_text key, raw;
  sl_token kind;
} field;

/** Finds both fields (the last of a name counts); false when the value is no JSON object. */
static bool fields_of(const sl_record *record, field *delay, field *distance) {
  *delay = *distance = (field){.kind = SL_NULL};
  sl_object object;
  sl_object_begin(&object, record->value, record->value_len);
  while (sl_field(&object)) {
    field one = {object.key, object.raw, object.kind};
    if (sl_is(one.key, SL_TEXT("delay"))) *delay = one;
    else if (sl_is(one.key, SL_TEXT("distance"))) *distance = one;
  }
  return object.brace != NULL;
}

/** What cannot be judged is kept: transform fails it, so that it becomes a dead letter and does not vanish. */
SL_EXPORT("filter") uint32_t filter(const uint8_t *in, uint32_t len) {
  sl_record record;
  field delay, distance;
  if (!sl_read(in, len, &record) || !fields_of(&record, &delay, &distance)) return 1;
  if (delay.kind == SL_NULL) return 0;
  decimal miles;
  if (distance.kind != SL_NUMBER || !decimal_of(distance.raw, &miles)) return 1;
  uint64_t minimum = min_distance_miles;
  for (uint32_t i = 0; i < miles.scale; i++) minimum *= 10;
  return miles.negative ? minimum == 0 : miles.digits >= minimum;
}

static bool put_converted(sl_writer *out, const field *one) {
  decimal n;
  if (one->kind != SL_NUMBER || !decimal_of(one->raw, &n)) return false;
  if (sl_is(one->key, SL_TEXT("delay"))) {
    n.digits *= 60;
    sl_put_text(out, SL_TEXT("delay_s\":"));
  } else {
    n.digits *= 1609344;
    n.scale += 3;
    sl_put_text(out, SL_TEXT("distance_m\":"));
  }
  put_decimal(out, n);
  return true;
}

SL_EXPORT("transform") uint32_t transform(const uint8_t *in, uint32_t len, uint8_t *out) {
  sl_record record;
  field delay, distance;
  if (!sl_read(in, len, &record) || !fields_of(&record, &delay, &distance)) return SL_FAILED;
  if (delay.kind == SL_NULL || distance.kind == SL_NULL) return SL_FAILED;
  const field *first = delay.key.at < distance.key.at ? &delay : &distance;
  const field *second = first == &delay ? &distance : &delay;
  sl_writer writer = sl_write(out, &record);
  sl_put(&writer, record.value, (uint32_t)(first->key.at - record.value));
  if (!put_converted(&writer, first)) return SL_FAILED;
  const uint8_t *copied = first->raw.at + first->raw.len;
  sl_put(&writer, copied, (uint32_t)(second->key.at - copied));
  if (!put_converted(&writer, second)) return SL_FAILED;
  copied = second->raw.at + second->raw.len;
  sl_put(&writer, copied, (uint32_t)(record.value + record.value_len - copied));
  return sl_written(&writer);
}
