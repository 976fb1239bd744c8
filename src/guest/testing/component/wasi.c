/* A component with a C library: what it finds of a machine behind WASI, by the first byte of the record's value. */
#define NO_ALLOCATOR
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "transform.h"

EXPORT("cabi_realloc") void *cabi_realloc(void *old, u32 old_bytes, u32 align, u32 bytes) {
  void *at = realloc(old, bytes);
  if (at == 0) abort();
  return at;
}

extern char **environ;
static result answer;
static output out;
static char line[200];

EXPORT(TRANSFORM)
result *transform(u32 has_key, u8 *key, u32 key_length, u32 has_value, u8 *value, u32 value_length, header *headers,
                  u32 header_count, u32 has_timestamp, s64 timestamp, u8 *topic, u32 topic_length, u32 partition,
                  u64 offset) {
  switch (value_length == 0 ? 0 : value[0]) {
    case 'o':
      printf("to stdout %d\nand ", 1);
      printf("on\n");
      fprintf(stderr, "to stderr\n");
      fflush(stdout);
      strcpy(line, "printed");
      break;
    case 'e': snprintf(line, sizeof line, "%s %s", environ && environ[0] ? "some" : "none", getenv("HOME") ? "home" : "none"); break;
    case 'f': snprintf(line, sizeof line, "%s %s", fopen("/etc/passwd", "r") ? "open" : "closed", fopen("x", "w") ? "open" : "closed"); break;
    case 't': {
      struct timespec before, after, wait = {100, 0};
      clock_gettime(CLOCK_MONOTONIC, &before);
      nanosleep(&wait, 0);
      clock_gettime(CLOCK_MONOTONIC, &after);
      snprintf(line, sizeof line, "%lld %lld", (long long)time(0), (long long)(after.tv_sec - before.tv_sec));
      break;
    }
    case 'r': {
      u8 random[8];
      getentropy(random, sizeof random);
      for (u32 i = 0; i < 8; i++) snprintf(line + i * 2, 3, "%02x", random[i]);
      break;
    }
    case 'i': snprintf(line, sizeof line, "%d", getchar()); break;
    case 'x': exit(3);
    case 'a': abort();
    default: strcpy(line, "?");
  }
  for (u32 i = 0; i < header_count; i++) {
    free(headers[i].name.at);
    if (headers[i].value.some) free(headers[i].value.at);
  }
  if (header_count) free(headers);
  if (topic_length) free(topic);
  if (key_length) free(key);
  if (value_length) free(value);
  out = (output){none(), none(), some((u8 *)line, strlen(line)), none()};
  answer = (result){.failed = 0, .ok = {&out, 1}};
  return &answer;
}
