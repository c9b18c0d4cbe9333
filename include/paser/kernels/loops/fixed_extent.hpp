#pragma once
#include "paser/core/macros_off.inc"

#include <type_traits>

#include "paser/core/shape.hpp"

namespace paser::kernels {

/// Calls f(n), with a compile-time constant in place of n when it is a usual small number of classes or channels: loops
/// over so few elements run several times faster unrolled.
template <class F>
void with_fixed_extent(Index n, F&& f) {
  switch (n) {
    case 1:
      return f(std::integral_constant<Index, 1>{});
    case 2:
      return f(std::integral_constant<Index, 2>{});
    case 3:
      return f(std::integral_constant<Index, 3>{});
    case 4:
      return f(std::integral_constant<Index, 4>{});
    default:
      return f(n);
  }
}

}  // namespace paser::kernels
#include "paser/core/macros_on.inc"
