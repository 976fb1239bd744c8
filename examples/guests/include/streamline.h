/*
 * streamline.h: the core ABI in C, for guests of one source file. Header only, no libc.
 *
 * A guest exports memory, transform and alloc, and may export filter, init and route. Records are framed: u32
 * little-endian key length (SL_NULL_KEY = no key), key, value. Everything a record or a config can contain is bounded
 * here: a malformed one gives SL_ERROR, never an access outside its bytes.
 * A guest that defines SL_NO_ALLOC leaves the buffers to the host and must not reserve memory after init().
 */
#ifndef STREAMLINE_H
#define STREAMLINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SL_EXPORT(name) __attribute__((export_name(name)))
#define SL_IMPORT(module, name) __attribute__((import_module(module), import_name(name)))

/** transform: the record goes on as it came. */
#define SL_UNCHANGED 0u
/** transform: the record failed; the spec's error policy decides. */
#define SL_FAILED 0xFFFFFFFFu
#define SL_NULL_KEY 0xFFFFFFFFu

/* ---- host functions: docs/abi.md says what each does. Only those that are called are imported. --------------- */

#define SL_HOST(name) SL_IMPORT("streamline", #name)
/** Nothing there: of a length or an index. */
#define SL_NONE 0xFFFFFFFFu

enum { SL_TRACE, SL_DEBUG, SL_INFO, SL_WARN, SL_LOG_ERROR };
SL_HOST(log) void sl_log(uint32_t level, const void *text, uint32_t len);

SL_HOST(metadata_partition) int32_t sl_partition(void);
SL_HOST(metadata_offset) int64_t sl_offset(void);
SL_HOST(metadata_timestamp_ms) int64_t sl_timestamp_ms(void);
SL_HOST(metadata_topic) uint32_t sl_topic(void *into, uint32_t room);
SL_HOST(metadata_schema_id) int32_t sl_schema_id(void);
SL_HOST(metadata_schema_name) uint32_t sl_schema_name(void *into, uint32_t room);
SL_HOST(metadata_key_schema_id) int32_t sl_key_schema_id(void);
SL_HOST(metadata_key_schema_name) uint32_t sl_key_schema_name(void *into, uint32_t room);

SL_HOST(key) uint32_t sl_key_bytes(void *into, uint32_t room);
/** 1: the record is a tombstone, which a payload shows as an empty value. */
SL_HOST(value_is_null) uint32_t sl_value_is_null(void);
SL_HOST(header_count) uint32_t sl_header_count(void);
SL_HOST(header_name) uint32_t sl_header_name(uint32_t index, void *into, uint32_t room);
SL_HOST(header_value) uint32_t sl_header_value(uint32_t index, void *into, uint32_t room);
SL_HOST(header_find) uint32_t sl_header_find(const void *name, uint32_t len);
SL_HOST(header_set) void sl_header_set(const void *name, uint32_t len, const void *value, uint32_t value_len);
SL_HOST(header_add) void sl_header_add(const void *name, uint32_t len, const void *value, uint32_t value_len);
SL_HOST(header_remove) uint32_t sl_header_remove(const void *name, uint32_t len);

/** Payload as transform() writes it: sl_write, or the value alone with `payload: value`. No topic: topic_len 0. */
SL_HOST(emit) void sl_emit(const void *payload, uint32_t len, const void *topic, uint32_t topic_len);
SL_HOST(emit_tombstone) void sl_emit_tombstone(const void *key, uint32_t len, const void *topic, uint32_t topic_len);

SL_HOST(metric_add) void sl_metric_add(const void *name, uint32_t len, double by);
SL_HOST(metric_set) void sl_metric_set(const void *name, uint32_t len, double value);

/* ---- memory -------------------------------------------------------------------------------------------------- */

extern uint8_t __heap_base;

#define SL_PAGE_BYTES 65536u
#define SL_BLOCKS_MAX 16

static struct {
  uintptr_t top;
  /* The last blocks given to the host, so that a writer knows where `out` ends. */
  struct { uintptr_t start, end; } blocks[SL_BLOCKS_MAX];
  uint32_t blocks_count;
} sl_heap;

/** Memory that is never given back: for configuration. NULL when the memory limit is reached. */
static void *sl_reserve(uint32_t len) {
  uintptr_t start = ((sl_heap.top == 0 ? (uintptr_t)&__heap_base : sl_heap.top) + 15u) & ~(uintptr_t)15u;
  uint64_t end = (uint64_t)start + len;
  uint64_t have = (uint64_t)__builtin_wasm_memory_size(0) * SL_PAGE_BYTES;
  if (end > have) {
    if (end > 0xFFFF0000u) return NULL;
    if (__builtin_wasm_memory_grow(0, (end - have + SL_PAGE_BYTES - 1) / SL_PAGE_BYTES) == (size_t)-1) return NULL;
  }
  sl_heap.top = (uintptr_t)end;
  return (void *)start;
}

#ifndef SL_NO_ALLOC
/** The host asks for its input and output buffers here and keeps them for the life of the instance. */
SL_EXPORT("alloc") void *alloc(uint32_t len) {
  void *block = sl_reserve(len);
  if (block != NULL) {
    uint32_t slot = sl_heap.blocks_count++ % SL_BLOCKS_MAX;
    sl_heap.blocks[slot].start = (uintptr_t)block;
    sl_heap.blocks[slot].end = (uintptr_t)block + len;
  }
  return block;
}
#endif

/** Bytes that may be written from `out` on. */
static uint32_t sl_room(const uint8_t *out) {
  uintptr_t at = (uintptr_t)out;
  uint32_t count = sl_heap.blocks_count < SL_BLOCKS_MAX ? sl_heap.blocks_count : SL_BLOCKS_MAX;
  for (uint32_t i = 0; i < count; i++) {
    if (at >= sl_heap.blocks[i].start && at < sl_heap.blocks[i].end) return (uint32_t)(sl_heap.blocks[i].end - at);
  }
  return (uint32_t)(__builtin_wasm_memory_size(0) * SL_PAGE_BYTES - at);
}

/* ---- text ---------------------------------------------------------------------------------------------------- */

typedef struct {
  const uint8_t *at;
  uint32_t len;
  /* Inside of a JSON string that still holds its escapes. */
  bool escaped;
} sl_text;

#define SL_TEXT(literal) ((sl_text){(const uint8_t *)("" literal), sizeof(literal) - 1, false})

static inline bool sl_same_bytes(const uint8_t *a, const uint8_t *b, uint32_t len) {
  for (uint32_t i = 0; i < len; i++) {
    if (a[i] != b[i]) return false;
  }
  return true;
}

static inline int32_t sl_hex(uint8_t c) {
  if (c >= '0' && c <= '9') return c - '0';
  c |= 0x20;
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static uint32_t sl_hex4(const uint8_t *at) {
  uint32_t unit = 0;
  for (int i = 0; i < 4; i++) unit = unit << 4 | (uint32_t)sl_hex(at[i]);
  return unit;
}

/**
 * The text without its escapes, in UTF-8 (a lone surrogate as its three bytes, so that equal strings stay equal).
 * Returns its length, or SL_FAILED when it is longer than `room`. Only for text the scanner has accepted.
 */
static uint32_t sl_decode(sl_text text, uint8_t *into, uint32_t room) {
  uint32_t n = 0;
  for (uint32_t i = 0; i < text.len;) {
    uint32_t code = text.at[i++];
    if (!text.escaped || code != '\\') {
      if (n == room) return SL_FAILED;
      into[n++] = (uint8_t)code;
      continue;
    }
    code = text.at[i++];
    switch (code) {
      case 'b': code = '\b'; break;
      case 'f': code = '\f'; break;
      case 'n': code = '\n'; break;
      case 'r': code = '\r'; break;
      case 't': code = '\t'; break;
      case 'u':
        code = sl_hex4(text.at + i);
        i += 4;
        if (code >= 0xD800 && code < 0xDC00 && i + 6 <= text.len && text.at[i] == '\\' && text.at[i + 1] == 'u') {
          uint32_t low = sl_hex4(text.at + i + 2);
          if (low >= 0xDC00 && low < 0xE000) {
            code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
            i += 6;
          }
        }
        break;
      default: break;
    }
    uint32_t bytes = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    if (room - n < bytes) return SL_FAILED;
    if (bytes == 1) {
      into[n++] = (uint8_t)code;
      continue;
    }
    into[n++] = (uint8_t)((0xF00u >> bytes) | (code >> (6 * (bytes - 1))));
    for (uint32_t left = bytes - 1; left > 0; left--) into[n++] = (uint8_t)(0x80 | ((code >> (6 * (left - 1))) & 0x3F));
  }
  return n;
}

#define SL_NAME_BYTES_MAX 256u

/** Whether a key or string of a record is `name`; "em\u0061il" is "email". `name` has no escapes and ≤ 256 bytes. */
static inline bool sl_is(sl_text text, sl_text name) {
  if (!text.escaped) return text.len == name.len && sl_same_bytes(text.at, name.at, name.len);
  uint8_t plain[SL_NAME_BYTES_MAX];
  uint32_t len = sl_decode(text, plain, sizeof plain);
  return len == name.len && sl_same_bytes(plain, name.at, len);
}

/** A copy without escapes that outlives init(). `at` is NULL when it is longer than a name may be. */
static sl_text sl_keep_name(sl_text text) {
  uint8_t *copy = sl_reserve(SL_NAME_BYTES_MAX);
  if (copy == NULL) return (sl_text){NULL, 0, false};
  uint32_t len = sl_decode(text, copy, SL_NAME_BYTES_MAX);
  if (len == SL_FAILED) return (sl_text){NULL, 0, false};
  sl_heap.top = (uintptr_t)copy + len; /* what the name did not need */
  return (sl_text){copy, len, false};
}

/* ---- JSON ---------------------------------------------------------------------------------------------------- */

typedef enum {
  SL_ERROR, /* not JSON, or nested deeper than SL_DEPTH_MAX; stays */
  SL_END,
  SL_OBJECT,
  SL_OBJECT_END,
  SL_ARRAY,
  SL_ARRAY_END,
  SL_KEY,
  SL_STRING,
  SL_NUMBER,
  SL_TRUE,
  SL_FALSE,
  SL_NULL,
} sl_token;

#define SL_DEPTH_MAX 512

typedef enum { SL_WANT_VALUE, SL_WANT_VALUE_OR_END, SL_WANT_KEY, SL_WANT_KEY_OR_END, SL_WANT_COMMA, SL_WANT_NOTHING } sl_want;

/** A pull scanner over RFC 8259 text. It allocates nothing and checks the grammar, but not UTF-8. */
typedef struct {
  const uint8_t *next, *end;
  /* Key or string: what is between the quotes. Else the token itself. */
  sl_text text;
  sl_want want;
  uint32_t depth;
  /* One bit a level: this level is an object. */
  uint64_t objects[SL_DEPTH_MAX / 64];
} sl_json;

static inline void sl_json_begin(sl_json *json, const uint8_t *at, uint32_t len) {
  json->next = at;
  json->end = at + len;
  json->want = SL_WANT_VALUE;
  json->depth = 0;
}

static inline void sl_space(sl_json *json) {
  const uint8_t *p = json->next, *end = json->end;
  while (p < end && (*p == ' ' || *p == '\n' || *p == '\r' || *p == '\t')) p++;
  json->next = p;
}

static inline bool sl_in_object(const sl_json *json) {
  uint32_t level = json->depth - 1;
  return json->objects[level / 64] >> (level % 64) & 1;
}

/** Skips an escape; false when it is none of JSON's. */
static inline bool sl_escape(const uint8_t **at, const uint8_t *end) {
  const uint8_t *p = *at + 1;
  if (p == end) return false;
  switch (*p++) {
    case '"': case '\\': case '/': case 'b': case 'f': case 'n': case 'r': case 't': break;
    case 'u':
      if (end - p < 4) return false;
      for (int i = 0; i < 4; i++) {
        if (sl_hex(*p++) < 0) return false;
      }
      break;
    default: return false;
  }
  *at = p;
  return true;
}

#define SL_EACH(byte) (0x0101010101010101ull * (byte))

/** From the opening quote to past the closing one. Looks at eight bytes at a time for `"`, `\` and control bytes. */
static inline bool sl_string(sl_json *json) {
  const uint8_t *p = json->next + 1, *end = json->end;
  json->text = (sl_text){p, 0, false};
  for (;;) {
    while (end - p >= 8) {
      uint64_t word;
      __builtin_memcpy(&word, p, 8);
      uint64_t quote = word ^ SL_EACH('"'), slash = word ^ SL_EACH('\\');
      uint64_t hit = ((quote - SL_EACH(1)) & ~quote) | ((slash - SL_EACH(1)) & ~slash) | ((word - SL_EACH(0x20)) & ~word);
      hit &= SL_EACH(0x80);
      if (hit != 0) {
        p += __builtin_ctzll(hit) / 8; /* the lowest hit is exact, later ones may be borrows */
        break;
      }
      p += 8;
    }
    if (p == end || *p < 0x20) return false;
    if (*p == '"') break;
    if (*p != '\\') {
      p++;
      continue;
    }
    json->text.escaped = true;
    if (!sl_escape(&p, end)) return false;
  }
  json->text.len = (uint32_t)(p - json->text.at);
  json->next = p + 1;
  return true;
}

static inline bool sl_digits(const uint8_t **at, const uint8_t *end) {
  const uint8_t *p = *at;
  while (p < end && *p >= '0' && *p <= '9') p++;
  bool some = p > *at;
  *at = p;
  return some;
}

static inline bool sl_number(sl_json *json) {
  const uint8_t *p = json->next, *end = json->end;
  if (*p == '-') p++;
  if (p < end && *p == '0') p++;
  else if (!sl_digits(&p, end)) return false;
  if (p < end && *p == '.') {
    p++;
    if (!sl_digits(&p, end)) return false;
  }
  if (p < end && (*p | 0x20) == 'e') {
    p++;
    if (p < end && (*p == '+' || *p == '-')) p++;
    if (!sl_digits(&p, end)) return false;
  }
  json->text = (sl_text){json->next, (uint32_t)(p - json->next), false};
  json->next = p;
  return true;
}

static inline bool sl_word(sl_json *json, sl_text word) {
  if ((size_t)(json->end - json->next) < word.len || !sl_same_bytes(json->next, word.at, word.len)) return false;
  json->text = (sl_text){json->next, word.len, false};
  json->next += word.len;
  return true;
}

static inline sl_token sl_fail(sl_json *json) {
  json->want = SL_WANT_NOTHING;
  json->next = json->end = (const uint8_t *)"!"; /* what is left is neither space nor the end */
  json->end++;
  return SL_ERROR;
}

static inline sl_token sl_open(sl_json *json, bool object) {
  if (json->depth == SL_DEPTH_MAX) return sl_fail(json);
  uint64_t bit = 1ull << (json->depth % 64);
  uint64_t *word = &json->objects[json->depth / 64];
  *word = object ? *word | bit : *word & ~bit;
  json->depth++;
  json->text = (sl_text){json->next++, 1, false};
  json->want = object ? SL_WANT_KEY_OR_END : SL_WANT_VALUE_OR_END;
  return object ? SL_OBJECT : SL_ARRAY;
}

static inline sl_token sl_close(sl_json *json, bool object) {
  json->text = (sl_text){json->next++, 1, false};
  json->depth--;
  json->want = json->depth == 0 ? SL_WANT_NOTHING : SL_WANT_COMMA;
  return object ? SL_OBJECT_END : SL_ARRAY_END;
}

static inline sl_token sl_key(sl_json *json) {
  if (*json->next != '"' || !sl_string(json)) return sl_fail(json);
  sl_space(json);
  if (json->next == json->end || *json->next != ':') return sl_fail(json);
  json->next++;
  json->want = SL_WANT_VALUE;
  return SL_KEY;
}

static inline sl_token sl_value_token(sl_json *json) {
  sl_token token = SL_NUMBER;
  bool good;
  switch (*json->next) {
    case '{': return sl_open(json, true);
    case '[': return sl_open(json, false);
    case '"': token = SL_STRING; good = sl_string(json); break;
    case 't': token = SL_TRUE; good = sl_word(json, SL_TEXT("true")); break;
    case 'f': token = SL_FALSE; good = sl_word(json, SL_TEXT("false")); break;
    case 'n': token = SL_NULL; good = sl_word(json, SL_TEXT("null")); break;
    default: good = sl_number(json); break;
  }
  if (!good) return sl_fail(json);
  json->want = json->depth == 0 ? SL_WANT_NOTHING : SL_WANT_COMMA;
  return token;
}

/** The next token. SL_END only after one whole value with nothing but space behind it. */
static sl_token sl_next(sl_json *json) {
  sl_space(json);
  if (json->next == json->end) return json->want == SL_WANT_NOTHING ? SL_END : sl_fail(json);
  uint8_t c = *json->next;
  if (json->want == SL_WANT_COMMA) {
    bool object = sl_in_object(json);
    if (c == (object ? '}' : ']')) return sl_close(json, object);
    if (c != ',') return sl_fail(json);
    json->next++;
    sl_space(json);
    if (json->next == json->end) return sl_fail(json);
    return object ? sl_key(json) : sl_value_token(json);
  }
  switch (json->want) {
    case SL_WANT_KEY_OR_END: return c == '}' ? sl_close(json, true) : sl_key(json);
    case SL_WANT_VALUE_OR_END: return c == ']' ? sl_close(json, false) : sl_value_token(json);
    case SL_WANT_VALUE: return sl_value_token(json);
    default: return sl_fail(json);
  }
}

/**
 * The next value, whole. `raw` gets its bytes as they stand; json->text is set for scalars. Returns the value's first
 * token, SL_ERROR when it is no value, or the end token when the array ends here.
 */
static sl_token sl_value(sl_json *json, sl_text *raw) {
  sl_token first = sl_next(json);
  const uint8_t *start = json->text.at - (first == SL_STRING ? 1 : 0);
  if (first == SL_OBJECT || first == SL_ARRAY) {
    for (uint32_t outer = json->depth - 1; json->depth > outer;) {
      if (sl_next(json) == SL_ERROR) return SL_ERROR;
    }
  }
  *raw = (sl_text){start, (uint32_t)(json->next - start), false};
  return first;
}

/**
 * The fields of a text that is one JSON object:
 *
 *   sl_object_begin(&object, at, len);
 *   while (sl_field(&object)) …
 *   if (object.brace == NULL) … it was none, or not only one
 */
typedef struct {
  sl_json json;
  sl_text key;
  /* The value's first token, its text when it is a scalar, and its bytes as they stand. */
  sl_token kind;
  sl_text text, raw;
  /* The closing one, known when sl_field has returned false. */
  const uint8_t *brace;
} sl_object;

static inline void sl_object_begin(sl_object *object, const uint8_t *at, uint32_t len) {
  object->brace = NULL;
  sl_json_begin(&object->json, at, len);
  if (sl_next(&object->json) != SL_OBJECT) sl_fail(&object->json);
}

/** The next field; false after the last, and where the text goes wrong. */
static inline bool sl_field(sl_object *object) {
  sl_token token = sl_next(&object->json);
  object->key = object->json.text;
  if (token == SL_KEY) {
    object->kind = sl_value(&object->json, &object->raw);
    object->text = object->json.text;
    return object->kind != SL_ERROR;
  }
  if (token == SL_OBJECT_END && sl_next(&object->json) == SL_END) object->brace = object->key.at;
  return false;
}

/** A whole number without sign, fraction or exponent, ≤ max. */
static bool sl_uint(sl_text text, uint32_t max, uint32_t *into) {
  uint64_t n = 0;
  for (uint32_t i = 0; i < text.len; i++) {
    if (text.at[i] < '0' || text.at[i] > '9') return false;
    n = n * 10 + (text.at[i] - '0');
    if (n > max) return false;
  }
  *into = (uint32_t)n;
  return text.len > 0;
}

/* ---- records ------------------------------------------------------------------------------------------------- */

typedef struct {
  uint32_t key_len; /* SL_NULL_KEY = no key */
  const uint8_t *key;
  const uint8_t *value;
  uint32_t value_len;
} sl_record;

static inline bool sl_read(const uint8_t *in, uint32_t len, sl_record *record) {
  if (len < 4) return false;
  uint32_t key_len;
  __builtin_memcpy(&key_len, in, 4);
  uint32_t key_bytes = key_len == SL_NULL_KEY ? 0 : key_len;
  if (key_bytes > len - 4) return false;
  *record = (sl_record){key_len, in + 4, in + 4 + key_bytes, len - 4 - key_bytes};
  return true;
}

typedef struct {
  uint8_t *start, *next, *end;
  bool full;
} sl_writer;

static inline void sl_put(sl_writer *out, const uint8_t *at, uint32_t len) {
  if ((size_t)(out->end - out->next) < len) {
    out->full = true;
    return;
  }
  __builtin_memcpy(out->next, at, len);
  out->next += len;
}

static inline void sl_put_text(sl_writer *out, sl_text text) { sl_put(out, text.at, text.len); }

static void sl_put_uint(sl_writer *out, uint64_t n) {
  uint8_t digits[20];
  uint32_t at = sizeof digits;
  do {
    digits[--at] = (uint8_t)('0' + n % 10);
    n /= 10;
  } while (n > 0);
  sl_put(out, digits + at, sizeof digits - at);
}

/** Begins a framed output with the record's own key; the value's bytes follow by sl_put. */
static inline sl_writer sl_write(uint8_t *out, const sl_record *record) {
  sl_writer writer = {out, out, out + sl_room(out), false};
  sl_put(&writer, (const uint8_t *)&record->key_len, 4);
  sl_put(&writer, record->key, record->key_len == SL_NULL_KEY ? 0 : record->key_len);
  return writer;
}

/** What transform returns: SL_FAILED when the output did not fit. */
static inline uint32_t sl_written(const sl_writer *out) {
  return out->full ? SL_FAILED : (uint32_t)(out->next - out->start);
}

#endif
