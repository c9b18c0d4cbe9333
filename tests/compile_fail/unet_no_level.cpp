// expected: UNet: Depth counts poolings and must lie in 1 .. 10
#include "paser/models/unet.hpp"

#ifdef MUST_NOT_COMPILE
constexpr paser::Index depth = 0;
#else
constexpr paser::Index depth = 1;
#endif

static_assert(sizeof(paser::models::StaticUNet<1, 3, 8, depth>) > 0);
