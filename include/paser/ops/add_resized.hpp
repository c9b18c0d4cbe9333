#pragma once
#include "paser/core/macros_off.inc"

#include <vector>

#include "paser/ops/arithmetic.hpp"
#include "paser/ops/relu.hpp"
#include "paser/ops/upsample_bilinear.hpp"

namespace paser {

/// x + each of the maps resized to the size of x (bilinear, by the edges), and then max(0, .) where `with_relu` says
/// so. x: (N, H, W, C), maps: (N, H_i, W_i, C) -> (N, H, W, C). Value: a Var or Counted; counted as the resizings.
/// Throws ShapeError when batch or channels differ.
template <class Value>
Value add_resized(Value x, const std::vector<Value>& maps, bool with_relu = false) {
  const Shape<4> shape = x.shape();
  for (const Value& map : maps) x = add(x, upsample_bilinear(map, {.size = {shape.h(), shape.w()}}));
  return with_relu ? relu(x) : x;
}

/// The same value up to rounding, in one pass over x.
template <class T>
Tensor<T, 4> add_resized(Tensor<T, 4> x, const std::vector<Tensor<T, 4>>& maps, bool with_relu = false) {
  const Shape<4> shape = x.shape();
  std::vector<kernels::SeparableTerm<T>> terms;
  for (const Tensor<T, 4>& map : maps) {
    check(map.shape().n() == shape.n() && map.shape().c() == shape.c(), "add_resized", "the maps ", shape, " and ",
          map.shape(), " differ in batch or channels");
    auto [rows, columns] = detail::bilinear_map<T>(map.shape(), {.size = {shape.h(), shape.w()}});
    terms.push_back({std::move(rows), std::move(columns), map.data()});
  }
  if (terms.empty()) return with_relu ? relu(x) : x;
  kernels::add_separable<T>(terms, shape.n(), shape.c(), with_relu, x.mutable_data());
  return x;
}

}  // namespace paser
#include "paser/core/macros_on.inc"
