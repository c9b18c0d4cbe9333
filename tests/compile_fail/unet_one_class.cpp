// expected: UNet: Classes must be at least 2
#include "paser/models/unet.hpp"

#ifdef MUST_NOT_COMPILE
constexpr paser::Index classes = 1;
#else
constexpr paser::Index classes = 2;
#endif

static_assert(sizeof(paser::models::StaticUNet<1, classes, 8, 2>) > 0);
