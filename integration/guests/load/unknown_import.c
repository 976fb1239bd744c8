/* Imports env.system. */
#include "streamline.h"

SL_IMPORT("env", "system") uint32_t call_system(const char *command);

SL_EXPORT("transform") uint32_t transform(const uint8_t *in, uint32_t len, uint8_t *out) {
  (void)in, (void)len, (void)out;
  return call_system("id");
}
