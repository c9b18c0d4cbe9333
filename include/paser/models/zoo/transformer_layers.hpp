#pragma once
#include "paser/core/macros_off.inc"

#include "paser/nn/conv2d.hpp"
#include "paser/nn/linear.hpp"

/// Layers of transformers as SegFormer's authors start them.
namespace paser::models {

/// Weights normal with deviation 0.02, biases 0.
template <class T>
nn::Linear<T> token_linear(Index in, Index out, Key key) {
  nn::Linear<T> layer(in, out, key);
  layer.weight.value = normal<T>(key, Shape{in, out}, 0, 0.02);
  layer.bias.value = Tensor<T, 1>::zeros({out});
  return layer;
}

/// Weights He normal by their fan-out within a group, which torch.nn.init does not divide; biases 0.
template <class T>
nn::Conv2d<T> token_conv(const nn::Conv2dSpec& o, Key key) {
  nn::Conv2d<T> layer(o, key);
  layer.weight.value =
      nn::init::he_normal_fan_out<T>(key, layer.weight.value.shape(), o.kernel * o.kernel * o.out / o.options.groups);
  if (o.bias) layer.bias.value = Tensor<T, 1>::zeros({o.out});
  return layer;
}

}  // namespace paser::models
#include "paser/core/macros_on.inc"
