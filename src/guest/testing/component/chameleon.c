/* A component that does what the first byte of the record's value says: one fixture for every way a guest can behave. */
#include "transform.h"

static result answer;
static u32 calls;
static u8 post_trap;
static volatile u32 sink;

static result *outputs(output *at, u32 length) {
  answer = (result){.failed = 0, .ok = {at, length}};
  return &answer;
}

static result *fail(const char *message, u8 retry) {
  answer.failed = 1;
  answer.error.message = text(message);
  answer.error.retry = retry;
  return &answer;
}

static u8 *decimal(u8 *to, u64 n) {
  u8 digits[20];
  u32 count = 0;
  do digits[count++] = '0' + n % 10; while (n /= 10);
  while (count > 0) *to++ = digits[--count];
  return to;
}

static u8 *put(u8 *to, const u8 *from, u32 length) {
  for (u32 i = 0; i < length; i++) *to++ = from[i];
  return to;
}

__attribute__((noinline)) static u32 dig(u32 depth) { return sink == 1 ? depth : dig(depth + 1) * 3 + sink; }

EXPORT(TRANSFORM)
result *transform(u32 has_key, u8 *key, u32 key_length, u32 has_value, u8 *value, u32 value_length, header *headers,
                  u32 header_count, u32 has_timestamp, s64 timestamp, u8 *topic, u32 topic_length, u32 partition,
                  u64 offset) {
  calls++;
  output *out = allocate(3 * sizeof(output), 4);
  option same_key = has_key ? some(key, key_length) : none();
  option same_value = has_value ? some(value, value_length) : none();
  for (u32 i = 0; i < 3; i++) out[i] = (output){none(), same_key, same_value, none()};
  if (!has_value) {
    out->value = some_text("was a tombstone");
    return outputs(out, 1);
  }
  switch (value_length == 0 ? '=' : value[0]) {
    case '=': return outputs(out, 1);
    case '-': return outputs(out, 0);
    case 'n': out->value = none(); return outputs(out, 1);
    case 'k': out->key = none(); return outputs(out, 1);
    case '2':
      out[0].topic = some_text("one");
      out[1].topic = some_text("two");
      out[1].value = some_text("second");
      return outputs(out, 2);
    case 'h': { /* headers of its own, on the second of two */
      header *own = allocate(2 * sizeof(header), 4);
      own[0] = (header){text("a"), some_text("1")};
      own[1] = (header){text("b"), none()};
      out[1].headers = some((u8 *)own, 2);
      return outputs(out, 2);
    }
    case 'H': out->headers = some(0, 0); return outputs(out, 1);
    case 'i': { /* all that it was shown */
      u8 *line = allocate(1000, 1), *to = line;
      to = put(to, topic, topic_length);
      *to++ = '/';
      to = decimal(to, partition);
      *to++ = '/';
      to = decimal(to, offset);
      *to++ = '@';
      if (has_timestamp) to = decimal(to, timestamp);
      for (u32 i = 0; i < header_count; i++) {
        *to++ = ' ';
        to = put(to, headers[i].name.at, headers[i].name.length);
        *to++ = headers[i].value.some ? '=' : '!';
        if (headers[i].value.some) to = put(to, headers[i].value.at, headers[i].value.length);
      }
      out->value = some(line, to - line);
      return outputs(out, 1);
    }
    case 'v': {
      u8 *line = allocate(20, 1);
      out->value = some(line, decimal(line, calls) - line);
      return outputs(out, 1);
    }
    case 'f': return fail("try again", 1);
    case 'F': return fail("never\nagain", 0);
    case 't': __builtin_trap();
    case 's': for (;;) sink++;
    case 'g': for (;;) allocate(65536, 8)  ;
    case 'd': sink = dig(0); return outputs(out, 1);
    case 'l': host_log(2, value, value_length); return outputs(out, 1);
    case 'L': for (;;) host_log(2, value, value_length);
    case 'm': host_add((const u8 *)"seen", 4, 2); host_set((const u8 *)"level", 5, 0.5); return outputs(out, 1);
    case 'M': host_add((const u8 *)"not a name", 10, 1); return outputs(out, 1);
    case 'c': {
      u8 *line = allocate(20, 1);
      out->value = some(line, decimal(line, host_now_ms()) - line);
      return outputs(out, 1);
    }
    case '7': { /* ids and names of the value's and the key's schema; a digit, as JSON may begin */
      schema of[2] = {{0, 0, {0, 0}}, {0, 0, {0, 0}}};
      host_value_schema(&of[0]);
      host_key_schema(&of[1]);
      u8 *line = allocate(500, 1), *to = line;
      *to++ = '"';
      for (u32 i = 0; i < 2; i++) {
        if (!of[i].some) {
          *to++ = '-';
          continue;
        }
        to = decimal(to, of[i].id);
        *to++ = ' ';
        to = put(to, of[i].name.at, of[i].name.length);
        *to++ = ' ';
      }
      *to++ = '"';
      out->value = some(line, to - line);
      return outputs(out, 1);
    }
    case 'p': post_trap = 1; return outputs(out, 1);
    /* Lies */
    case 'x': return (result *)0xfffffff0;
    case 'X': out->value = some((u8 *)0xffff0000, 0x10); return outputs(out, 1);
    case 'b': out->value = some(value, 100 << 20); return outputs(out, 1);
    case 'B': out->value = some(allocate(300 << 10, 1), 300 << 10); return outputs(out, 1);
    case 'o': return outputs(out, 100 << 20);
    case 'O': { /* as many as are allowed and one more, all of them there */
      output *many = allocate(11 * sizeof(output), 4);
      for (u32 i = 0; i < 11; i++) many[i] = out[0];
      return outputs(many, 11);
    }
    case 'a': { /* the same 64 KiB in a thousand headers of each output */
      header *many = allocate(1000 * sizeof(header), 4);
      u8 *bytes = allocate(65536, 1);
      for (u32 i = 0; i < 1000; i++) many[i] = (header){text("a"), some(bytes, 65536)};
      for (u32 i = 0; i < 3; i++) out[i].headers = some((u8 *)many, 1000);
      return outputs(out, 3);
    }
    case 'A': { /* empty headers, more than fit into the largest output */
      header *many = allocate(60000 * sizeof(header), 4);
      for (u32 i = 0; i < 60000; i++) many[i] = (header){{0, 0}, none()};
      out->headers = some((u8 *)many, 60000);
      return outputs(out, 1);
    }
    case 'T': out->topic = some((u8 *)"\xff\xfe", 2); return outputs(out, 1);
    case 'e': out->topic = some_text(""); return outputs(out, 1);
    case 'N': {
      header *own = allocate(sizeof(header), 4);
      own[0] = (header){{(u8 *)"\xff", 1}, none()};
      out->headers = some((u8 *)own, 1);
      return outputs(out, 1);
    }
    case 'q': answer.failed = 7; return &answer;
    case 'Q': out->value.some = 9; return outputs(out, 1);
    default: return outputs(out, 1);
  }
}

EXPORT("cabi_post_" TRANSFORM) void post_transform(result *read) {
  heap = 0;
  if (post_trap) __builtin_trap();
}

static init_result init_answer;

EXPORT(INIT) init_result *init(u8 *json, u32 length) {
  init_answer.failed = 0;
  switch (length > 2 ? json[2] : 0) {
    case 'r': init_answer.failed = 1; init_answer.message = text("no such field"); break;
    case 's': for (;;) sink++;
    case 't': __builtin_trap();
    case 'g': for (;;) allocate(65536, 8);
  }
  return &init_answer;
}

EXPORT("cabi_post_" INIT) void post_init(init_result *read) { heap = 0; }
