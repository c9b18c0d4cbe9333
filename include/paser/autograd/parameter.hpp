#pragma once
#include "paser/core/macros_off.inc"

#include "paser/core/tensor.hpp"

namespace paser {

/// A trained tensor of a module. Only an optimizer's step, loading and initialisation write it.
template <class T, int Rank>
struct Parameter {
  Tensor<T, Rank> value;
};

/// State that is stored with a module but not trained by gradients, such as the running statistics of a batch norm.
/// A forward pass never writes it: Context::update collects the next value, Optimizer::step applies it.
template <class T, int Rank>
struct Buffer {
  Tensor<T, Rank> value;
};

}  // namespace paser
#include "paser/core/macros_on.inc"
