#pragma once
#include "paser/core/macros_off.inc"

#include <array>
#include <cmath>

#include "paser/core/error.hpp"
#include "paser/core/shape.hpp"

namespace paser {

/// What to resize an image to: either by a factor, both sides to floor(side * scale), or to a size. Exactly one is set.
struct ResizeOptions {
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

inline ResizeExtent resize_extent(const char* where, const Shape<4>& x, const ResizeOptions& options) {
  const bool by_size = options.size[0] != 0 || options.size[1] != 0;
  check<ValueError>(by_size ? options.scale == 0 : options.scale > 0 && options.scale <= 1e6, where,
                    "expected either a positive scale or a size, got scale ", options.scale, " and size ",
                    options.size[0], " x ", options.size[1]);
  ResizeExtent r{options.size, {}};
  for (const std::size_t a : {0u, 1u}) {
    const auto in = static_cast<double>(a == 0 ? x.h() : x.w());
    if (!by_size) r.out[a] = static_cast<Index>(std::floor(in * options.scale));
    r.step[a] = by_size ? in / static_cast<double>(r.out[a]) : 1 / options.scale;
  }
  check(x.h() >= 1 && x.w() >= 1 && r.out[0] >= 1 && r.out[1] >= 1, where, "cannot resize input ", x, " to ", r.out[0],
        " x ", r.out[1]);
  return r;
}

}  // namespace detail
}  // namespace paser
#include "paser/core/macros_on.inc"
