// Compiled once for each instruction set: the operations whose kernels are written in packets, recorded, for both
// types.
#include "paser/ops/ops.hpp"
#include "paser/optim/adam.hpp"

using namespace paser;

template <class T>
Var<T, 1> every_operation(const Var<T, 4>& x, const Var<T, 4>& weight, const Var<T, 1>& bias, const Labels& labels) {
  auto y = conv2d(x, weight, bias, {.padding = {1, 1}});
  y = conv_transpose2d(y, weight, bias);
  y = instance_norm(y, bias, bias);
  y = batch_norm(y, bias, bias, bias.value(), bias.value());
  y = layer_norm(y, bias, bias);
  y = max_pool2d(gelu(relu(y)));
  y = upsample_bilinear(avg_pool2d(y), ResizeSpec{.scale = 2});
  y = attention(y, y, softmax(y), 0.5);
  y = dropout(y, 0.5, std::vector<Key>(1));
  return cross_entropy(add(y, log_softmax(y)), labels);
}

template Var<float, 1> every_operation(const Var<float, 4>&, const Var<float, 4>&, const Var<float, 1>&, const Labels&);
template Var<double, 1> every_operation(const Var<double, 4>&, const Var<double, 4>&, const Var<double, 1>&,
                                        const Labels&);
template void kernels::adam(Index, const kernels::AdamStep<float>&, const float*, float*, float*, float*);
