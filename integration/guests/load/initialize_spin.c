/* _initialize() never returns: a constructor runs in it, before init(). */
#include "streamline.h"

__attribute__((constructor)) static void spin(void) {
  for (volatile uint32_t turns = 0;; turns++) {
  }
}

SL_EXPORT("transform") uint32_t transform(const uint8_t *in, uint32_t len, uint8_t *out) {
  (void)in, (void)len, (void)out;
  return SL_UNCHANGED;
}
