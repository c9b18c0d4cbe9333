#pragma once

#include "paser/autograd/tape.hpp"
#include "paser/core/random.hpp"

/// The gradient that f leaves in x when the gradient of f's output is random.
template <class T, int Rank, class F>
paser::Tensor<T, Rank> gradient_of(const F& f, const paser::Tensor<T, Rank>& x, paser::Key key = paser::Key{77}) {
  paser::Tape<T> tape;
  const auto v = tape.variable(x);
  const auto y = f(v);
  tape.backward(y, paser::normal<T>(key, y.shape()));
  return tape.gradient(v);
}
