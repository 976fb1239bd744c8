/* Without alloc: the host grows the memory for its buffers, and what is written past `out` must trap there. */
#define SL_NO_ALLOC
#include "order.h"

static uint32_t records_seen;

SL_EXPORT("transform") uint32_t transform(const uint8_t *in, uint32_t len, uint8_t *out) {
  sl_record record;
  if (!sl_read(in, len, &record)) return SL_FAILED;
  records_seen++;
  sl_text order = order_of(record.value, record.value_len);
  if (is(order, "write_past")) {
    for (volatile uint8_t *p = out;; p++) *p = 0xAA;
  }
  if (is(order, "length_past")) return sl_room(out) + 1;
  /* The guest takes pages behind the host's: the host must not take them for its own when it needs larger buffers. */
  if (is(order, "grow_one")) {
    uint8_t *page = (uint8_t *)(__builtin_wasm_memory_grow(0, 1) * SL_PAGE_BYTES);
    __builtin_memset(page, 0x55, SL_PAGE_BYTES);
  }
  if (is(order, "count")) {
    sl_writer writer = sl_write(out, &record);
    sl_put_text(&writer, SL_TEXT("{\"count\":"));
    sl_put_uint(&writer, records_seen);
    sl_put_text(&writer, SL_TEXT("}"));
    return sl_written(&writer);
  }
  return SL_UNCHANGED;
}
