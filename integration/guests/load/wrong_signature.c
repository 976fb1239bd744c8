/* transform() takes and returns 64-bit numbers. */
#include "streamline.h"

SL_EXPORT("transform") uint64_t transform(uint64_t in, uint64_t len) { return in + len; }
