/*
 * A record orders a test guest to misbehave: {"id":7,"do":"spin"}. One without an order passes through, so that good and
 * bad records mix in one topic. Found by plain search: these guests test the host, not a JSON parser.
 */
#ifndef ORDER_H
#define ORDER_H

#include "streamline.h"

static const uint8_t *find_text(const uint8_t *in, uint32_t len, sl_text text) {
  for (uint32_t i = 0; i + text.len <= len; i++) {
    if (sl_same_bytes(in + i, text.at, text.len)) return in + i;
  }
  return NULL;
}

/** What is between the quotes after `name` (which ends in `:"`); empty when there is none. */
static sl_text quoted_after(const uint8_t *in, uint32_t len, sl_text name) {
  const uint8_t *at = find_text(in, len, name), *end = in + len;
  if (at == NULL) return SL_TEXT("");
  at += name.len;
  const uint8_t *quote = at;
  while (quote < end && *quote != '"') quote++;
  return (sl_text){at, (uint32_t)(quote - at), false};
}

static sl_text order_of(const uint8_t *in, uint32_t len) { return quoted_after(in, len, SL_TEXT("\"do\":\"")); }

static bool is(sl_text order, const char *name) {
  uint32_t i = 0;
  while (i < order.len && name[i] != 0 && order.at[i] == (uint8_t)name[i]) i++;
  return i == order.len && name[i] == 0;
}

/** The number after `"n":`, 0 when there is none. */
static uint32_t number_of(const uint8_t *in, uint32_t len) {
  const uint8_t *at = find_text(in, len, SL_TEXT("\"n\":"));
  uint32_t n = 0;
  if (at == NULL) return 0;
  for (at += 4; at < in + len && *at >= '0' && *at <= '9'; at++) n = n * 10 + (*at - '0');
  return n;
}

#endif
