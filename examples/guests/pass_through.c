/* Every record goes on as it came: the cost of the sandbox itself. */
#include "streamline.h"

SL_EXPORT("transform") uint32_t transform(const uint8_t *in, uint32_t len, uint8_t *out) {
  (void)in, (void)len, (void)out;
  return SL_UNCHANGED;
}
