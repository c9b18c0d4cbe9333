#pragma once
#include "paser/core/macros_off.inc"

#define PASER_VERSION_MAJOR 0
#define PASER_VERSION_MINOR 1
#define PASER_VERSION_PATCH 0

namespace paser {

/// The version of these headers, "major.minor.patch".
inline constexpr const char* version = "0.1.0";

}  // namespace paser
#include "paser/core/macros_on.inc"
