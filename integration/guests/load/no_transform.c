/* Everything but transform(). */
#include "streamline.h"

SL_EXPORT("filter") uint32_t filter(const uint8_t *in, uint32_t len) {
  (void)in, (void)len;
  return 1;
}
