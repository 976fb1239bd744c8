/* alloc() never has memory. */
#define SL_NO_ALLOC
#include "streamline.h"

SL_EXPORT("alloc") void *alloc(uint32_t len) {
  (void)len;
  return NULL;
}

SL_EXPORT("transform") uint32_t transform(const uint8_t *in, uint32_t len, uint8_t *out) {
  (void)in, (void)len, (void)out;
  return SL_UNCHANGED;
}
