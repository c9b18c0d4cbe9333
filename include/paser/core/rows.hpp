#pragma once
#include "paser/core/macros_off.inc"

#include <algorithm>
#include <span>
#include <vector>

#include "paser/core/parallel.hpp"
#include "paser/core/tensor.hpp"

/// Copies along the outermost axis, such as the images of a batch.
namespace paser {

/// Rows begin .. end-1. Throws ShapeError when they are not all there.
template <class T, int Rank>
Tensor<T, Rank> slice_rows(const Tensor<T, Rank>& x, Index begin, Index end) {
  check(0 <= begin && begin <= end && end <= x.shape()[0], "slice_rows", "rows ", begin, " .. ", end, " of ",
        x.shape());
  Shape<Rank> shape = x.shape();
  const Index size = shape[0] > 0 ? shape.numel() / shape[0] : 0;
  shape[0] = end - begin;
  Tensor<T, Rank> result(shape);
  std::copy_n(x.data() + begin * size, (end - begin) * size, result.mutable_data());
  return result;
}

/// Row rows[i] of x as row i of the result. Throws ShapeError when a row is not there.
template <class T, int Rank>
Tensor<T, Rank> gather_rows(const Tensor<T, Rank>& x, std::span<const Index> rows) {
  Shape<Rank> shape = x.shape();
  const Index size = shape[0] > 0 ? shape.numel() / shape[0] : 0;
  for (const Index row : rows) check(row >= 0 && row < shape[0], "gather_rows", "row ", row, " of ", x.shape());
  shape[0] = static_cast<Index>(rows.size());
  Tensor<T, Rank> result(shape);
  T* out = result.mutable_data();
  parallel_each(shape[0], [&, data = x.data()](Index i) {
    std::copy_n(data + rows[static_cast<std::size_t>(i)] * size, size, out + i * size);
  });
  return result;
}

/// Writes row i of `values` over row rows[i] of x. Throws ShapeError when shapes do not fit.
template <class T, int Rank>
void scatter_rows(Tensor<T, Rank>& x, std::span<const Index> rows, const Tensor<T, Rank>& values) {
  Shape<Rank> expected = x.shape();
  const Index size = expected[0] > 0 ? expected.numel() / expected[0] : 0;
  for (const Index row : rows) check(row >= 0 && row < expected[0], "scatter_rows", "row ", row, " of ", x.shape());
  expected[0] = static_cast<Index>(rows.size());
  check(values.shape() == expected, "scatter_rows", "expected values of shape ", expected, ", got ", values.shape());
  T* out = x.mutable_data();
  for (std::size_t i = 0; i < rows.size(); ++i)
    std::copy_n(values.data() + static_cast<Index>(i) * size, size, out + rows[i] * size);
}

/// All rows of x, `times` times in a row.
template <class T, int Rank>
Tensor<T, Rank> repeat_rows(const Tensor<T, Rank>& x, Index times) {
  if (times == 1) return x;
  Shape<Rank> shape = x.shape();
  shape[0] *= times;
  Tensor<T, Rank> result(shape);
  parallel_each(times,
                [&, out = result.mutable_data()](Index i) { std::copy_n(x.data(), x.numel(), out + i * x.numel()); });
  return result;
}

/// Calls f(begin, end) on consecutive runs of at most `size` of 0 .. n-1: micro-batches.
template <class F>
void for_each_chunk(Index n, Index size, F&& f) {
  check<ValueError>(size >= 1, "for_each_chunk", "a run needs at least one row, got ", size);
  for (Index begin = 0; begin < n; begin += size) f(begin, std::min(n, begin + size));
}

}  // namespace paser
#include "paser/core/macros_on.inc"
