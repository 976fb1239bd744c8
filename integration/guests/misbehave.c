/* Every way a guest may go wrong with a record, on order. What the host must make of each is in verdicts.ts. */
#include "order.h"

SL_IMPORT("streamline", "log") void log_line(uint32_t level, const uint8_t *at, uint32_t len);
SL_IMPORT("wasi_snapshot_preview1", "proc_exit") _Noreturn void proc_exit(uint32_t code);
SL_IMPORT("env", "abort") void env_abort(uint32_t message, uint32_t file, uint32_t line, uint32_t column);

/* What the optimiser must not see through. */
static volatile uint32_t hidden = 1;
static volatile uint64_t hidden_wide = 0xFFFFFFFFFFFFFFull;

/* ---- no end ---- */

static void spin(void) {
  while (hidden != 0) {
  }
}

/** Few instructions a second, if fuel took a division for an addition. */
static void spin_divide(void) {
  uint64_t n = hidden_wide;
  while (n != 0) n = hidden_wide / (n % 7 + 1) | 1;
  hidden_wide = n;
}

static void fill_for_ever(uint8_t *at, uint32_t len) {
  for (uint8_t byte = 0; hidden != 0; byte++) __builtin_memset(at, byte, len);
}

static void copy_for_ever(uint8_t *at, uint32_t len) {
  while (hidden != 0) __builtin_memmove(at + 1, at, len - 1);
}

static void log_for_ever(void) {
  while (hidden != 0) log_line(2, (const uint8_t *)"flood", 5);
}

/* ---- no bottom ---- */

__attribute__((noinline)) static uint32_t deep(uint32_t n) {
  return hidden == 0 ? n : hidden + deep(n + 1) * 3;
}

/** With a frame in linear memory: the guest's own stack ends before the engine's. */
__attribute__((noinline)) static uint32_t deep_frames(uint32_t n) {
  volatile uint8_t frame[1024];
  frame[n % sizeof frame] = (uint8_t)n;
  return hidden == 0 ? n : deep_frames(n + 1) + frame[(n * 7) % sizeof frame];
}

static uint32_t deep_indirect(uint32_t n);
static uint32_t (*volatile indirect)(uint32_t) = deep_indirect;
__attribute__((noinline)) static uint32_t deep_indirect(uint32_t n) { return hidden + indirect(n + 1) * 3; }

/* ---- memory ---- */

/** Pages until there are none; true when some were to be had. */
static bool grow_all(void) {
  bool some = false;
  while (__builtin_wasm_memory_grow(0, 16) != (size_t)-1) some = true;
  return some;
}

static uint32_t read_at(uintptr_t at) { return *(volatile uint8_t *)at; }

static void write_until_trap(uint8_t *at) {
  for (volatile uint8_t *p = at;; p++) *p = 0xAA;
}

/* ---- */

static uint32_t records_seen;

static uint32_t count(const sl_record *record, uint8_t *out) {
  sl_writer writer = sl_write(out, record);
  sl_put_text(&writer, SL_TEXT("{\"count\":"));
  sl_put_uint(&writer, records_seen);
  sl_put_text(&writer, SL_TEXT("}"));
  return sl_written(&writer);
}

/** A JSON string of n bytes: larger than a broker takes, if asked so. */
static uint32_t inflate(const sl_record *record, uint8_t *out, uint32_t n) {
  sl_writer writer = sl_write(out, record);
  if (n < 2 || (size_t)(writer.end - writer.next) < n) return SL_FAILED;
  __builtin_memset(writer.next, 'x', n);
  writer.next[0] = writer.next[n - 1] = '"';
  writer.next += n;
  return sl_written(&writer);
}

static uint32_t key_length_lie(uint8_t *out, uint32_t key_len) {
  __builtin_memcpy(out, &key_len, 4);
  return 8;
}

SL_EXPORT("filter") uint32_t filter(const uint8_t *in, uint32_t len) {
  sl_text order = order_of(in, len);
  if (is(order, "filter_spin")) spin();
  if (is(order, "filter_trap")) __builtin_trap();
  return !is(order, "drop");
}

static void run_for_ever(sl_text order, uint8_t *out) {
  if (is(order, "spin")) spin();
  if (is(order, "spin_divide")) spin_divide();
  if (is(order, "fill")) fill_for_ever(out, sl_room(out));
  if (is(order, "copy")) copy_for_ever(out, sl_room(out));
  if (is(order, "log_for_ever")) log_for_ever();
}

static void trap(sl_text order, uint8_t *out) {
  if (is(order, "trap")) __builtin_trap();
  if (is(order, "grow_trap") && grow_all()) __builtin_trap();
  if (is(order, "divide_by_zero")) hidden_wide = hidden_wide / (hidden - 1u);
  if (is(order, "read_outside")) hidden = read_at(0xFFFFFFF0u) | 1;
  if (is(order, "write_past")) write_until_trap(out);
  if (is(order, "call_null")) ((void (*)(void))(uintptr_t)(hidden - 1u))();
  if (is(order, "call_past")) ((void (*)(void))(uintptr_t)(hidden * 1000000u))();
  if (is(order, "call_mistyped")) ((uint64_t(*)(uint64_t))(uintptr_t)indirect)(1);
  if (is(order, "exit")) proc_exit(3);
  if (is(order, "abort")) env_abort(0, 0, 7, 9);
  if (is(order, "stack")) hidden = deep(0) | 1;
  if (is(order, "stack_frames")) hidden = deep_frames(0) | 1;
  if (is(order, "stack_indirect")) hidden = deep_indirect(0) | 1;
}

static void log_much(sl_text order) {
  if (is(order, "log_flood")) {
    for (uint32_t i = 0; i < 10000; i++) log_line(i % 6, (const uint8_t *)"flood \x1b[31m\n{\"level\":60}", 25);
  }
  if (is(order, "log_large")) log_line(3, NULL, (uint32_t)__builtin_wasm_memory_size(0) * SL_PAGE_BYTES);
  if (is(order, "log_outside")) log_line(3, (const uint8_t *)0xFFFFFF00u, 0xFFFFFFFFu);
}

SL_EXPORT("transform") uint32_t transform(const uint8_t *in, uint32_t len, uint8_t *out) {
  sl_record record;
  if (!sl_read(in, len, &record)) return SL_FAILED;
  records_seen++;
  sl_text order = order_of(record.value, record.value_len);
  run_for_ever(order, out);
  trap(order, out);
  log_much(order);
  if (is(order, "grow_hold")) grow_all();
  if (is(order, "fail")) return SL_FAILED;
  if (is(order, "count")) return count(&record, out);
  if (is(order, "inflate")) return inflate(&record, out, number_of(record.value, record.value_len));
  if (is(order, "length_huge")) return 0xFFFFFFFEu;
  if (is(order, "length_past")) return sl_room(out) + 1;
  if (is(order, "length_short")) return 3;
  if (is(order, "key_lie")) return key_length_lie(out, 5);
  if (is(order, "key_lie_huge")) return key_length_lie(out, 0xFFFFFFFEu);
  return SL_UNCHANGED;
}
