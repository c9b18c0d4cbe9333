#pragma once
#include "paser/core/macros_off.inc"

#include "paser/core/shape.hpp"

namespace paser {

/// The position inside 0 .. n-1 that a position outside mirrors; the border is not repeated.
constexpr Index mirrored(Index i, Index n) {
  if (n == 1) return 0;
  const Index period = 2 * (n - 1);
  i = ((i % period) + period) % period;
  return i < n ? i : period - i;
}

}  // namespace paser
#include "paser/core/macros_on.inc"
