#pragma once
#include "paser/core/macros_off.inc"

#include "paser/core/tensor.hpp"

namespace paser {

/// What a weight belongs to, which decides how published checkpoints lay it out.
enum class WeightKind {
  plain,            ///< bias, norm, embedding, and what says nothing of itself: the same on both sides
  linear,           ///< torch (out, in), ours (in, out)
  conv,             ///< torch (K, C/groups, R, S), ours (R, S, C/groups, K)
  transposed_conv,  ///< torch (in, out/groups, R, S), ours (R, S, in, out/groups)
};

/// A trained tensor of a module. Only an optimizer's step, loading and initialisation write it.
///
/// Its rank does not tell what it is: a matrix may be a layer's weight or a table of places, and a filter that of a
/// convolution or of a transposed one. So the layer that owns it says the kind, and what no layer speaks of is
/// published as it stands. A layer of one's own whose weight PyTorch has in another order does as nn::Linear:
///   Parameter<T, 2> weight{{}, WeightKind::linear};
template <class T, int Rank>
struct Parameter {
  Tensor<T, Rank> value;
  WeightKind kind = WeightKind::plain;
};

/// State that is stored with a module but not trained by gradients, such as the running statistics of a batch norm.
/// A forward pass never writes it: Context::update collects the next value, Optimizer::step applies it.
template <class T, int Rank>
struct Buffer {
  Tensor<T, Rank> value;
};

}  // namespace paser
#include "paser/core/macros_on.inc"
