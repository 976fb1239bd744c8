/* Masks the string values of email, phone and ssn anywhere in a JSON text, byte by byte: what a C guest costs. */
#include "transform.h"

static result answer;
static output out;

static u32 is_field(const u8 *name, u32 length) {
  static const char *const fields[] = {"email", "phone", "ssn"};
  for (u32 f = 0; f < 3; f++) {
    u32 i = 0;
    while (i < length && fields[f][i] == (char)name[i]) i++;
    if (i == length && fields[f][i] == 0) return 1;
  }
  return 0;
}

EXPORT(TRANSFORM)
result *transform(u32 has_key, u8 *key, u32 key_length, u32 has_value, u8 *value, u32 value_length, header *headers,
                  u32 header_count, u32 has_timestamp, s64 timestamp, u8 *topic, u32 topic_length, u32 partition,
                  u64 offset) {
  u8 *to = allocate(value_length * 2 + 5, 1), *begin = to;
  u32 masked = 0;
  for (u32 at = 0; at < value_length;) {
    if (value[at] != '"') {
      *to++ = value[at++];
      continue;
    }
    u32 end = at + 1;
    while (end < value_length && value[end] != '"') end += value[end] == '\\' ? 2 : 1;
    if (end >= value_length) {
      answer.failed = 1;
      answer.error.message = text("a string without an end");
      answer.error.retry = 0;
      return &answer;
    }
    if (masked) for (u32 i = 0; i < 5; i++) *to++ = "\"***\""[i];
    else for (u32 i = at; i <= end; i++) *to++ = value[i];
    u32 next = end + 1;
    while (next < value_length && value[next] == ' ') next++;
    u32 is_name = next < value_length && value[next] == ':';
    masked = 0;
    if (is_name && is_field(value + at + 1, end - at - 1)) {
      for (u32 i = end + 1; i <= next; i++) *to++ = value[i];
      end = next;
      while (end + 1 < value_length && value[end + 1] == ' ') *to++ = value[++end];
      masked = end + 1 < value_length && value[end + 1] == '"';
    }
    at = end + 1;
  }
  out = (output){none(), has_key ? some(key, key_length) : none(), some(begin, to - begin), none()};
  answer = (result){.failed = 0, .ok = {&out, 1}};
  return &answer;
}

EXPORT("cabi_post_" TRANSFORM) void post_transform(result *read) { heap = 0; }
