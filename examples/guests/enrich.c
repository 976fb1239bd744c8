/*
 * Adds to each record what tables in the config say about its fields: for {"field":"country","table":"countries",
 * "as":"country_info"} the entry of `countries` under the record's country is appended as country_info, null when there
 * is none. The record's own bytes stay as they are.
 *
 * config: { "lookups": [{ "field", "table", "as" }, …], "tables": { "countries": { "DE": <any JSON>, … }, … } }
 */
#include "streamline.h"

#define LOOKUPS_MAX 32
#define ENTRIES_MAX 4096 /* over all tables; the index is twice as large, a power of two */
#define SLOTS (2 * ENTRIES_MAX)

typedef struct {
  sl_text field, table, as;
} lookup;

typedef struct {
  uint32_t hash; /* of table name, 0xFF, key */
  sl_text table, key, json;
} entry;

static lookup lookups[LOOKUPS_MAX];
static uint32_t lookups_count;
static entry *slots; /* open addressing; key.at == NULL is free */
static uint32_t entries_count;

static uint32_t hash_of(sl_text table, const uint8_t *key, uint32_t key_len) {
  uint32_t hash = 2166136261u; /* FNV-1a */
  for (uint32_t i = 0; i < table.len; i++) hash = (hash ^ table.at[i]) * 16777619u;
  hash = (hash ^ 0xFFu) * 16777619u;
  for (uint32_t i = 0; i < key_len; i++) hash = (hash ^ key[i]) * 16777619u;
  return hash;
}

static bool same(sl_text a, const uint8_t *at, uint32_t len) { return a.len == len && sl_same_bytes(a.at, at, len); }

/** The slot that holds the key, or the free one where it belongs. */
static entry *slot_of(sl_text table, const uint8_t *key, uint32_t key_len) {
  uint32_t hash = hash_of(table, key, key_len);
  uint32_t at = hash % SLOTS;
  while (slots[at].key.at != NULL &&
         !(slots[at].hash == hash && same(slots[at].key, key, key_len) && same(slots[at].table, table.at, table.len))) {
    at = (at + 1) % SLOTS;
  }
  slots[at].hash = hash;
  return &slots[at];
}

static bool read_lookups(sl_json *config) {
  if (sl_next(config) != SL_ARRAY) return false;
  sl_token token;
  while ((token = sl_next(config)) == SL_OBJECT) {
    if (lookups_count == LOOKUPS_MAX) return false;
    lookup *one = &lookups[lookups_count++];
    *one = (lookup){0};
    while ((token = sl_next(config)) == SL_KEY) {
      sl_text *setting = sl_is(config->text, SL_TEXT("field"))   ? &one->field
                         : sl_is(config->text, SL_TEXT("table")) ? &one->table
                         : sl_is(config->text, SL_TEXT("as"))    ? &one->as
                                                                 : NULL;
      if (setting == NULL || sl_next(config) != SL_STRING) return false;
      /* `as` goes into the output: kept as it is written, escapes and all. */
      *setting = setting == &one->as ? config->text : sl_keep_name(config->text);
    }
    if (token != SL_OBJECT_END || one->field.at == NULL || one->table.at == NULL || one->as.at == NULL) return false;
  }
  return token == SL_ARRAY_END;
}

static bool read_tables(sl_json *config) {
  if (sl_next(config) != SL_OBJECT) return false;
  sl_token token;
  while ((token = sl_next(config)) == SL_KEY) {
    sl_text table = sl_keep_name(config->text);
    if (table.at == NULL || sl_next(config) != SL_OBJECT) return false;
    while ((token = sl_next(config)) == SL_KEY) {
      sl_text key = sl_keep_name(config->text), json;
      if (key.at == NULL || entries_count++ == ENTRIES_MAX || sl_value(config, &json) == SL_ERROR) return false;
      entry *slot = slot_of(table, key.at, key.len);
      slot->table = table;
      slot->key = key;
      slot->json = json;
    }
    if (token != SL_OBJECT_END) return false;
  }
  return token == SL_OBJECT_END;
}

SL_EXPORT("init") uint32_t init(const uint8_t *in, uint32_t len) {
  /* The entries point into the config, and its buffer is the host's again after this call. */
  uint8_t *copy = sl_reserve(len);
  slots = sl_reserve(SLOTS * sizeof(entry));
  if (copy == NULL || slots == NULL) return 0;
  __builtin_memcpy(copy, in, len);
  __builtin_memset(slots, 0, SLOTS * sizeof(entry));
  lookups_count = entries_count = 0;
  sl_json config;
  sl_json_begin(&config, copy, len);
  if (sl_next(&config) != SL_OBJECT) return 0;
  sl_token token;
  while ((token = sl_next(&config)) == SL_KEY) {
    if (sl_is(config.text, SL_TEXT("lookups"))) {
      if (!read_lookups(&config)) return 0;
    } else if (!sl_is(config.text, SL_TEXT("tables")) || !read_tables(&config)) {
      return 0;
    }
  }
  return token == SL_OBJECT_END && lookups_count > 0;
}

static sl_text find(sl_text table, sl_token kind, sl_text value) {
  uint8_t key[SL_NAME_BYTES_MAX];
  if (kind != SL_STRING && kind != SL_NUMBER) return SL_TEXT("null");
  uint32_t len = sl_decode(value, key, sizeof key);
  if (len == SL_FAILED) return SL_TEXT("null");
  const entry *slot = slot_of(table, key, len);
  return slot->key.at == NULL ? SL_TEXT("null") : slot->json;
}

SL_EXPORT("transform") uint32_t transform(const uint8_t *in, uint32_t len, uint8_t *out) {
  sl_record record;
  if (!sl_read(in, len, &record)) return SL_FAILED;
  sl_text found[LOOKUPS_MAX];
  for (uint32_t i = 0; i < lookups_count; i++) found[i] = SL_TEXT("null");
  bool empty = true;
  sl_object object;
  sl_object_begin(&object, record.value, record.value_len);
  while (sl_field(&object)) {
    empty = false;
    for (uint32_t i = 0; i < lookups_count; i++) {
      if (sl_is(object.key, lookups[i].field)) found[i] = find(lookups[i].table, object.kind, object.text);
    }
  }
  if (object.brace == NULL) return SL_FAILED;
  sl_writer writer = sl_write(out, &record);
  sl_put(&writer, record.value, (uint32_t)(object.brace - record.value));
  for (uint32_t i = 0; i < lookups_count; i++) {
    sl_put_text(&writer, empty && i == 0 ? SL_TEXT("\"") : SL_TEXT(",\""));
    sl_put_text(&writer, lookups[i].as);
    sl_put_text(&writer, SL_TEXT("\":"));
    sl_put_text(&writer, found[i]);
  }
  sl_put_text(&writer, SL_TEXT("}"));
  return sl_written(&writer);
}
