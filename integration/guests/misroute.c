/* route() that does as the record says: {"do":"topic","to":"orders-eu"} names a topic, the other orders go wrong. */
#include "order.h"

static volatile uint32_t hidden = 1;

SL_EXPORT("transform") uint32_t transform(const uint8_t *in, uint32_t len, uint8_t *out) {
  (void)in, (void)len, (void)out;
  return SL_UNCHANGED;
}

static uint32_t put(uint8_t *out, sl_text topic) {
  __builtin_memcpy(out, topic.at, topic.len);
  return topic.len;
}

SL_EXPORT("route") uint32_t route(const uint8_t *in, uint32_t len, uint8_t *out) {
  sl_text order = order_of(in, len);
  if (is(order, "topic")) return put(out, quoted_after(in, len, SL_TEXT("\"to\":\"")));
  if (is(order, "trap")) __builtin_trap();
  if (is(order, "length_huge")) return 0xFFFFFFFFu;
  if (is(order, "length_past")) return sl_room(out) + 1;
  if (is(order, "not_utf8")) return put(out, SL_TEXT("orders-\xff\xfe"));
  if (is(order, "spaces")) return put(out, SL_TEXT("orders eu/../\n"));
  if (is(order, "dots")) return put(out, SL_TEXT(".."));
  if (is(order, "long_name")) {
    __builtin_memset(out, 'a', 250);
    return 250;
  }
  if (is(order, "spin")) {
    while (hidden != 0) {
    }
  }
  return 0;
}
