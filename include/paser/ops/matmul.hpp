#pragma once
#include "paser/core/macros_off.inc"

#include "paser/autograd/counted.hpp"
#include "paser/autograd/tape.hpp"
#include "paser/core/parallel.hpp"
#include "paser/kernels/gemm.hpp"

namespace paser {

namespace detail {

/// The matrices of a batched product: `batch` times (m, k) by (k, n).
struct MatmulShape {
  Index batch, m, k, n;
};

template <int Rank>
MatmulShape matmul_shape(const Shape<Rank>& a, const Shape<Rank>& b) {
  static_assert(Rank >= 2, "matmul: a matrix has at least two axes");
  MatmulShape shape{1, a[Rank - 2], a[Rank - 1], b[Rank - 1]};
  bool fits = a[Rank - 1] == b[Rank - 2];
  for (int axis = 0; axis < Rank - 2; ++axis) {
    fits = fits && a[axis] == b[axis];
    shape.batch *= a[axis];
  }
  check(fits, "matmul", "cannot multiply ", a, " by ", b,
        ": the last axis of the first must equal the last but one of the second, and the axes before must agree");
  return shape;
}

/// For every matrix of the batch out = op(a) op(b), matrices stored as `a_rows` x `a_columns` and so on.
template <class T>
void multiply_batch(Index batch, const kernels::MatrixView<T>& a, const kernels::MatrixView<T>& b, T* out) {
  parallel_for(batch, kernels::gemm_grain(a.rows * a.columns * b.columns), [&](Index begin, Index end) {
    for (Index i = begin; i < end; ++i) {
      auto left = a, right = b;
      left.data += i * a.rows * a.columns;
      right.data += i * b.rows * b.columns;
      kernels::gemm(left, right, out + i * a.rows * b.columns);
    }
  });
}

}  // namespace detail

/// Matrix product over the last two axes, torch.matmul without broadcasting: (..., m, k) by (..., k, n) ->
/// (..., m, n). Throws ShapeError when the inner extents or the leading axes differ.
template <class T, int Rank>
Tensor<T, Rank> matmul(const Tensor<T, Rank>& a, const Tensor<T, Rank>& b) {
  const auto [batch, m, k, n] = detail::matmul_shape(a.shape(), b.shape());
  Shape<Rank> shape = a.shape();
  shape[Rank - 1] = n;
  Tensor<T, Rank> y(shape);
  detail::multiply_batch<T>(batch, {a.data(), m, k}, {b.data(), k, n}, y.mutable_data());
  return y;
}

/// The same value, recorded. Keeps a and b until backward has run.
///   da = dy b^T,   db = a^T dy.
template <class T, int Rank>
Var<T, Rank> matmul(const Var<T, Rank>& a, const Var<T, Rank>& b) {
  return record(matmul(a.value(), b.value()), {a, b},
                [a = a.value(), b = b.value()](const Tensor<T, Rank>& dy, GradientSink<T>& grad) {
                  const auto [batch, m, k, n] = detail::matmul_shape(a.shape(), b.shape());
                  const kernels::MatrixView<T> left(a.data(), m, k), right(b.data(), k, n), d(dy.data(), m, n);
                  if (grad.wants(0)) {
                    Tensor<T, Rank> da(a.shape());
                    detail::multiply_batch(batch, d, right.transposed(), da.mutable_data());
                    grad.add(0, std::move(da));
                  }
                  if (grad.wants(1)) {
                    Tensor<T, Rank> db(b.shape());
                    detail::multiply_batch(batch, left.transposed(), d, db.mutable_data());
                    grad.add(1, std::move(db));
                  }
                });
}

/// Counted: batch * m * k * n.
template <int Rank>
Counted<Rank> matmul(const Counted<Rank>& a, const Counted<Rank>& b) {
  const auto [batch, m, k, n] = detail::matmul_shape(a.shape(), b.shape());
  Shape<Rank> shape = a.shape();
  shape[Rank - 1] = n;
  return a.then(shape, "matmul", {batch, m, k, n});
}

}  // namespace paser
#include "paser/core/macros_on.inc"
