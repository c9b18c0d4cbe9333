#pragma once
#include "paser/core/macros_off.inc"

#include <array>
#include <cmath>

#include "paser/core/error.hpp"
#include "paser/core/shape.hpp"

namespace paser {

/// What to resize an image to: either by a factor, both sides to floor(side * scale), or to a size. Exactly one is set.
struct ResizeSpec {
  double scale = 0;                 ///< 2 doubles both sides
  std::array<Index, 2> size{0, 0};  ///< height and width of the result
  bool align_corners = false;       ///< bilinear only: the corner pixels of both images coincide, else their edges do
};

namespace detail {

/// The output size of a resize and the input pixels per output pixel of each axis, checked.
struct ResizeExtent {
  std::array<Index, 2> out;
  std::array<double, 2> step;
};

inline ResizeExtent resize_extent(const char* where, const Shape<4>& x, const ResizeSpec& spec) {
  const bool by_size = spec.size[0] != 0 || spec.size[1] != 0;
  check<ValueError>(by_size ? spec.scale == 0 : spec.scale > 0 && spec.scale <= 1e6, where,
                    "expected either a positive scale or a size, got scale ", spec.scale, " and size ", spec.size[0],
                    " x ", spec.size[1]);
  ResizeExtent r{spec.size, {}};
  for (const std::size_t a : {0u, 1u}) {
    const auto in = static_cast<double>(a == 0 ? x.h() : x.w());
    if (!by_size) r.out[a] = static_cast<Index>(std::floor(in * spec.scale));
    r.step[a] = by_size ? in / static_cast<double>(r.out[a]) : 1 / spec.scale;
  }
  check(x.h() >= 1 && x.w() >= 1 && r.out[0] >= 1 && r.out[1] >= 1, where, "cannot resize input ", x, " to ", r.out[0],
        " x ", r.out[1]);
  return r;
}

}  // namespace detail
}  // namespace paser
#include "paser/core/macros_on.inc"
