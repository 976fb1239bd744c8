/* Imports sock_open, an extension of WASI that some runtimes have. */
#include "streamline.h"

SL_IMPORT("wasi_snapshot_preview1", "sock_open") uint32_t sock_open(uint32_t family, uint32_t type, uint32_t *fd);

SL_EXPORT("transform") uint32_t transform(const uint8_t *in, uint32_t len, uint8_t *out) {
  (void)in, (void)len;
  return sock_open(1, 1, (uint32_t *)out);
}
