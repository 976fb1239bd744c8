/* init() takes all the memory it can get, so that nothing is left for the buffers of records. */
#define SL_NO_ALLOC
#include "streamline.h"

SL_EXPORT("init") uint32_t init(const uint8_t *in, uint32_t len) {
  (void)in, (void)len;
  while (__builtin_wasm_memory_grow(0, 1) != (size_t)-1) {
  }
  return 1;
}

SL_EXPORT("transform") uint32_t transform(const uint8_t *in, uint32_t len, uint8_t *out) {
  (void)in, (void)len, (void)out;
  return SL_UNCHANGED;
}
