#pragma once
#include "paser/core/macros_off.inc"

#include <array>
#include <cstdint>
#include <ostream>

#include "paser/core/compiler.hpp"
#include "paser/core/error.hpp"

namespace paser {

/// Every extent, stride and position in paser is signed and 64 bits wide.
using Index = std::int64_t;

/// The most that the stride, padding, dilation or kernel of an operation may be: what is computed of them and of sides
/// that a memory has is far from what no Index can hold.
inline constexpr Index largest_setting = Index{1} << 31;

/// The extents of a dense row-major array, outermost first. Rank 4 is (batch, height, width, channel).
template <int Rank>
struct Shape {
  static_assert(Rank >= 1, "Shape: a tensor has at least one axis");
  std::array<Index, Rank> extent{};

  constexpr Index operator[](int axis) const { return extent[static_cast<std::size_t>(axis)]; }
  constexpr Index& operator[](int axis) { return extent[static_cast<std::size_t>(axis)]; }

  constexpr Index n() const requires(Rank == 4) { return extent[0]; }  ///< Images.
  constexpr Index h() const requires(Rank == 4) { return extent[1]; }  ///< Rows.
  constexpr Index w() const requires(Rank == 4) { return extent[2]; }  ///< Columns.
  constexpr Index c() const requires(Rank == 4) { return extent[3]; }  ///< Channels.

  /// The innermost extent: channels of an image, features of a token.
  constexpr Index last() const { return extent[Rank - 1]; }

  /// The number of elements. Throws ShapeError where no Index can hold it.
  constexpr Index numel() const {
    Index product = 1;
    for (const Index e : extent)
      if (__builtin_mul_overflow(product, e, &product)) [[unlikely]]
        too_many();
    return product;
  }

  constexpr bool operator==(const Shape&) const = default;

  /// Prints as (2,32,32,8).
  friend std::ostream& operator<<(std::ostream& out, const Shape& s) {
    out << '(';
    for (int axis = 0; axis < Rank; ++axis) out << (axis > 0 ? "," : "") << s[axis];
    return out << ')';
  }

 private:
  [[noreturn, gnu::cold, gnu::noinline]] void too_many() const {
    throw ShapeError(message("Shape: ", *this, " has more elements than any memory"));
  }
};

template <class... I>
Shape(I...) -> Shape<static_cast<int>(sizeof...(I))>;

}  // namespace paser
#include "paser/core/macros_on.inc"
