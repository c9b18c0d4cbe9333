#include "layout.hpp"

namespace fixtures {

using paser::Index;

namespace {

std::size_t axis_number(const Stored& x, Index axis) {
  const Index rank = static_cast<Index>(x.shape.size());
  const Index number = axis < 0 ? axis + rank : axis;
  paser::check(number >= 0 && number < rank, "fixture", "axis ", axis, " of a tensor of rank ", rank);
  return static_cast<std::size_t>(number);
}

/// (outer, rows, columns) -> (outer, columns, rows).
std::vector<double> swap_inner(const std::vector<double>& in, Index rows, Index columns) {
  std::vector<double> out(in.size());
  const Index plane = rows * columns, outer = plane > 0 ? static_cast<Index>(in.size()) / plane : 0;
  for (Index o = 0; o < outer; ++o)
    for (Index r = 0; r < rows; ++r)
      for (Index c = 0; c < columns; ++c)
        out[static_cast<std::size_t>(o * plane + c * rows + r)] =
            in[static_cast<std::size_t>(o * plane + r * columns + c)];
  return out;
}

Index product(const std::vector<Index>& shape, std::size_t begin, std::size_t end) {
  Index p = 1;
  for (std::size_t i = begin; i < end; ++i) p *= shape[i];
  return p;
}

}  // namespace

Index Stored::axis(Index i) const {
  return shape[axis_number(*this, i)];
}

Stored axis_to_last(const Stored& x, Index axis) {
  const std::size_t a = axis_number(x, axis);
  Stored moved{x.shape, swap_inner(x.values, x.shape[a], product(x.shape, a + 1, x.shape.size()))};
  const auto from = moved.shape.begin() + static_cast<std::ptrdiff_t>(a);
  const Index extent = *from;
  moved.shape.erase(from);
  moved.shape.push_back(extent);
  return moved;
}

Stored axis_from_last(const Stored& x, Index axis) {
  const std::size_t a = axis_number(x, axis);
  Stored moved{x.shape, swap_inner(x.values, product(x.shape, a, x.shape.size() - 1), x.shape.back())};
  const Index extent = moved.shape.back();
  moved.shape.pop_back();
  moved.shape.insert(moved.shape.begin() + static_cast<std::ptrdiff_t>(a), extent);
  return moved;
}

}  // namespace fixtures
