#pragma once
#include "paser/core/macros_off.inc"

#include "paser/autograd/counted.hpp"
#include "paser/autograd/tape.hpp"
#include "paser/kernels/elementwise.hpp"

namespace paser {

namespace detail {

/// The element-wise result of two tensors; f is a kernel.
template <class T, int Rank>
Tensor<T, Rank> combine(const char* where, void (*f)(Index, const T*, const T*, T*), const Tensor<T, Rank>& a,
                        const Tensor<T, Rank>& b) {
  check_same_shape(where, a, b);
  Tensor<T, Rank> y(a.shape());
  f(a.numel(), a.data(), b.data(), y.mutable_data());
  return y;
}

template <int Rank>
void check_counted(const char* where, const Counted<Rank>& a, const Counted<Rank>& b) {
  check(a.shape() == b.shape(), where, "shapes differ: ", a.shape(), " and ", b.shape());
}

}  // namespace detail

/// a + b, element by element. Throws ShapeError unless the shapes are equal; so do the other operations of this file.
template <class T, int Rank>
Tensor<T, Rank> add(const Tensor<T, Rank>& a, const Tensor<T, Rank>& b) {
  return detail::combine("add", &kernels::add<T>, a, b);
}
template <class T, int Rank>
Var<T, Rank> add(const Var<T, Rank>& a, const Var<T, Rank>& b) {
  return record(add(a.value(), b.value()), {a, b}, [](const Tensor<T, Rank>& dy, GradientSink<T>& grad) {
    grad.add(0, dy);
    grad.add(1, dy);
  });
}

/// factor * x.
template <class T, int Rank>
Tensor<T, Rank> scale(const Tensor<T, Rank>& x, double factor) {
  Tensor<T, Rank> y(x.shape());
  kernels::scale(x.numel(), static_cast<T>(factor), x.data(), y.mutable_data());
  return y;
}
template <class T, int Rank>
Var<T, Rank> scale(const Var<T, Rank>& x, double factor) {
  return record(scale(x.value(), factor), {x}, [factor](const Tensor<T, Rank>& dy, GradientSink<T>& grad) {
    if (grad.wants(0)) grad.add(0, scale(dy, factor));
  });
}

/// x *= factor, for plain tensors.
template <class T, int Rank>
void scale_in_place(Tensor<T, Rank>& x, double factor) {
  T* const data = x.mutable_data();
  kernels::scale(x.numel(), static_cast<T>(factor), data, data);
}

/// sum += the rows of x from `first` on, as many as `sum` has, for plain tensors. Throws ShapeError when they are not
/// there or are of another shape.
template <class T, int Rank>
void add_rows(Tensor<T, Rank>& sum, const Tensor<T, Rank>& x, Index first) {
  Shape<Rank> rows = x.shape();
  check(0 <= first && first <= rows[0] && sum.shape()[0] <= rows[0] - first, "add_rows", "rows from ", first,
        " on: expected ", sum.shape()[0], " of them in ", x.shape());
  rows[0] = sum.shape()[0];
  check(rows == sum.shape(), "add_rows", "rows of ", x.shape(), " to a sum of ", sum.shape());
  const Index row = rows[0] > 0 ? sum.numel() / rows[0] : 0;
  kernels::accumulate(sum.numel(), x.data() + first * row, sum.mutable_data());
}

/// a - b, element by element.
template <class T, int Rank>
Tensor<T, Rank> subtract(const Tensor<T, Rank>& a, const Tensor<T, Rank>& b) {
  return detail::combine("subtract", &kernels::subtract<T>, a, b);
}
template <class T, int Rank>
Var<T, Rank> subtract(const Var<T, Rank>& a, const Var<T, Rank>& b) {
  return record(subtract(a.value(), b.value()), {a, b}, [](const Tensor<T, Rank>& dy, GradientSink<T>& grad) {
    grad.add(0, dy);
    if (grad.wants(1)) grad.add(1, scale(dy, -1));
  });
}

/// a * b, element by element. The recorded form keeps both: da = dy b, db = dy a.
template <class T, int Rank>
Tensor<T, Rank> multiply(const Tensor<T, Rank>& a, const Tensor<T, Rank>& b) {
  return detail::combine("multiply", &kernels::multiply<T>, a, b);
}
template <class T, int Rank>
Var<T, Rank> multiply(const Var<T, Rank>& a, const Var<T, Rank>& b) {
  return record(multiply(a.value(), b.value()), {a, b},
                [a = a.value(), b = b.value()](const Tensor<T, Rank>& dy, GradientSink<T>& grad) {
                  if (grad.wants(0)) grad.add(0, multiply(dy, b));
                  if (grad.wants(1)) grad.add(1, multiply(dy, a));
                });
}

/// Element by element, and counted as free.
template <int Rank>
Counted<Rank> add(const Counted<Rank>& a, const Counted<Rank>& b) {
  detail::check_counted("add", a, b);
  return a;
}
template <int Rank>
Counted<Rank> subtract(const Counted<Rank>& a, const Counted<Rank>& b) {
  detail::check_counted("subtract", a, b);
  return a;
}
template <int Rank>
Counted<Rank> multiply(const Counted<Rank>& a, const Counted<Rank>& b) {
  detail::check_counted("multiply", a, b);
  return a;
}
template <int Rank>
Counted<Rank> scale(const Counted<Rank>& x, double) {
  return x;
}

}  // namespace paser
#include "paser/core/macros_on.inc"
