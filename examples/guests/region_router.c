/*
 * Names the output topic after a field of the record: topic_prefix + value, with what a topic name cannot hold as '-'.
 *
 * config: { "route_field": "region", "topic_prefix": "orders-" }
 * A record that is not a JSON object, or whose field is missing or neither a non-empty string nor a scalar, fails.
 */
#include "streamline.h"

#define TOPIC_BYTES_MAX 249u /* Kafka's limit */

static sl_text route_field, topic_prefix;

static bool is_topic_byte(uint8_t c) {
  uint8_t lower = c | 0x20;
  return (lower >= 'a' && lower <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
}

SL_EXPORT("init") uint32_t init(const uint8_t *in, uint32_t len) {
  sl_json config;
  sl_json_begin(&config, in, len);
  route_field = (sl_text){0};
  topic_prefix = SL_TEXT("");
  if (sl_next(&config) != SL_OBJECT) return 0;
  sl_token token;
  while ((token = sl_next(&config)) == SL_KEY) {
    sl_text *setting = sl_is(config.text, SL_TEXT("route_field"))    ? &route_field
                       : sl_is(config.text, SL_TEXT("topic_prefix")) ? &topic_prefix
                                                                     : NULL;
    if (setting == NULL || sl_next(&config) != SL_STRING) return 0;
    *setting = sl_keep_name(config.text);
    if (setting->at == NULL) return 0;
  }
  for (uint32_t i = 0; i < topic_prefix.len; i++) {
    if (!is_topic_byte(topic_prefix.at[i])) return 0;
  }
  return token == SL_OBJECT_END && route_field.len > 0 && topic_prefix.len < TOPIC_BYTES_MAX;
}

/** The topic's length, or 0 when the record names none. Of a repeated field the last counts, as in most parsers. */
static uint32_t topic_of(const uint8_t *in, uint32_t len, uint8_t topic[TOPIC_BYTES_MAX]) {
  sl_record record;
  if (!sl_read(in, len, &record)) return 0;
  uint32_t topic_len = 0;
  sl_object object;
  sl_object_begin(&object, record.value, record.value_len);
  while (sl_field(&object)) {
    if (!sl_is(object.key, route_field)) continue;
    topic_len = 0;
    sl_token kind = object.kind;
    if (kind != SL_STRING && kind != SL_NUMBER && kind != SL_TRUE && kind != SL_FALSE) continue;
    uint32_t value_len = sl_decode(object.text, topic + topic_prefix.len, TOPIC_BYTES_MAX - topic_prefix.len);
    if (value_len == 0 || value_len == SL_FAILED) continue;
    topic_len = topic_prefix.len + value_len;
  }
  if (object.brace == NULL) return 0;
  for (uint32_t i = topic_prefix.len; i < topic_len; i++) {
    if (!is_topic_byte(topic[i])) topic[i] = '-';
  }
  for (uint32_t i = 0; i < topic_prefix.len; i++) topic[i] = topic_prefix.at[i];
  return topic_len;
}

/** route cannot fail, so that what has no topic fails here. */
SL_EXPORT("transform") uint32_t transform(const uint8_t *in, uint32_t len, uint8_t *out) {
  (void)out;
  uint8_t topic[TOPIC_BYTES_MAX];
  return topic_of(in, len, topic) == 0 ? SL_FAILED : SL_UNCHANGED;
}

SL_EXPORT("route") uint32_t route(const uint8_t *in, uint32_t len, uint8_t *out) {
  uint8_t topic[TOPIC_BYTES_MAX];
  uint32_t topic_len = topic_of(in, len, topic);
  if (topic_len > sl_room(out)) return 0;
  __builtin_memcpy(out, topic, topic_len);
  return topic_len;
}
