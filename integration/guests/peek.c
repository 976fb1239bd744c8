/*
 * Tries to reach what no guest may (I9): a file, the environment, the arguments, a directory, a socket, a clock. The output
 * says what it got: {"file":errno,"file_bytes":n,"prestat":errno,"environ":count,"args":count,"sock":errno,"clock_ns":n}.
 */
#include "streamline.h"

#define WASI(name) SL_IMPORT("wasi_snapshot_preview1", #name)
WASI(path_open) uint32_t path_open(uint32_t dir, uint32_t flags, const char *path, uint32_t path_len, uint32_t open_flags,
                                   uint64_t rights, uint64_t inheriting, uint32_t fd_flags, uint32_t *fd);
WASI(fd_read) uint32_t fd_read(uint32_t fd, const uint32_t *vectors, uint32_t count, uint32_t *read);
WASI(fd_prestat_get) uint32_t fd_prestat_get(uint32_t fd, uint8_t *prestat);
WASI(environ_sizes_get) uint32_t environ_sizes_get(uint32_t *count, uint32_t *bytes);
WASI(args_sizes_get) uint32_t args_sizes_get(uint32_t *count, uint32_t *bytes);
WASI(sock_send) uint32_t sock_send(uint32_t fd, const uint32_t *vectors, uint32_t count, uint32_t flags, uint32_t *sent);
WASI(clock_time_get) uint32_t clock_time_get(uint32_t id, uint64_t precision, uint64_t *time);

static void field(sl_writer *out, sl_text name, uint64_t n) {
  sl_put_text(out, name);
  sl_put_uint(out, n);
}

SL_EXPORT("transform") uint32_t transform(const uint8_t *in, uint32_t len, uint8_t *out) {
  sl_record record;
  if (!sl_read(in, len, &record)) return SL_FAILED;
  static uint8_t buffer[256];
  uint32_t vector[2] = {(uint32_t)(uintptr_t)buffer, sizeof buffer};
  uint32_t fd = 0, bytes = 0, environ_count = 0, args_count = 0, size = 0, sent = 0;
  uint64_t time = 0;
  sl_writer writer = sl_write(out, &record);
  field(&writer, SL_TEXT("{\"file\":"), path_open(3, 1, "/etc/passwd", 11, 0, ~0ull, ~0ull, 0, &fd));
  fd_read(fd, vector, 1, &bytes);
  field(&writer, SL_TEXT(",\"file_bytes\":"), bytes);
  field(&writer, SL_TEXT(",\"prestat\":"), fd_prestat_get(3, buffer));
  environ_sizes_get(&environ_count, &size);
  field(&writer, SL_TEXT(",\"environ\":"), environ_count);
  args_sizes_get(&args_count, &size);
  field(&writer, SL_TEXT(",\"args\":"), args_count);
  field(&writer, SL_TEXT(",\"sock\":"), sock_send(4, vector, 1, 0, &sent));
  clock_time_get(0, 1, &time);
  field(&writer, SL_TEXT(",\"clock_ns\":"), time);
  sl_put_text(&writer, SL_TEXT("}"));
  return sl_written(&writer);
}
