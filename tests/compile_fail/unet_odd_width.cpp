// expected: UNet: the stem has Width / 2 channels, so Width must be even and positive
#include "paser/models/unet.hpp"

#ifdef MUST_NOT_COMPILE
constexpr paser::Index width = 7;
#else
constexpr paser::Index width = 8;
#endif

static_assert(sizeof(paser::models::StaticUNet<1, 3, width, 2>) > 0);
