#pragma once
#include <cmath>

namespace paser {
inline float relu(float x) {
  return std::isfinite(x) && x > 0 ? x : 0;
}
}  // namespace paser
