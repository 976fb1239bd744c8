/*
 * CPU-bound on purpose: `rounds` rounds of a 64-bit hash over every record, for benchmarks of threads and fuel.
 *
 * config: { "rounds": 2000 }; the output is {"hash":"16 hex digits","rounds":n}
 */
#include "streamline.h"

static uint32_t rounds = 2000;

SL_EXPORT("init") uint32_t init(const uint8_t *in, uint32_t len) {
  sl_json config;
  sl_json_begin(&config, in, len);
  if (sl_next(&config) != SL_OBJECT) return 0;
  sl_token token;
  while ((token = sl_next(&config)) == SL_KEY) {
    if (!sl_is(config.text, SL_TEXT("rounds")) || sl_next(&config) != SL_NUMBER) return 0;
    if (!sl_uint(config.text, 100000000, &rounds)) return 0;
  }
  return token == SL_OBJECT_END;
}

SL_EXPORT("transform") uint32_t transform(const uint8_t *in, uint32_t len, uint8_t *out) {
  sl_record record;
  if (!sl_read(in, len, &record)) return SL_FAILED;
  uint64_t hash = 0xCBF29CE484222325ull; /* FNV-1a over the value, then xorshift64* */
  for (uint32_t i = 0; i < record.value_len; i++) hash = (hash ^ record.value[i]) * 0x100000001B3ull;
  for (uint32_t i = 0; i < rounds; i++) {
    hash ^= hash >> 12;
    hash ^= hash << 25;
    hash ^= hash >> 27;
    hash *= 0x2545F4914F6CDD1Dull;
  }
  sl_writer writer = sl_write(out, &record);
  sl_put_text(&writer, SL_TEXT("{\"hash\":\""));
  for (int shift = 60; shift >= 0; shift -= 4) sl_put(&writer, (const uint8_t *)"0123456789abcdef" + (hash >> shift & 15), 1);
  sl_put_text(&writer, SL_TEXT("\",\"rounds\":"));
  sl_put_uint(&writer, rounds);
  sl_put_text(&writer, SL_TEXT("}"));
  return sl_written(&writer);
}
