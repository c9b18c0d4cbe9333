// Eigen comes first, as in a program that uses it anyway: it is then outside of what paser does around its own use.
#include <Eigen/Core>
#include <paser/nn/conv2d.hpp>
#include <paser/ops/softmax.hpp>

using namespace paser;

Tensor<float, 4> probabilities(const nn::Conv2d<float>& layer, const Tensor<float, 4>& images) {
  return softmax(infer(layer, images));
}
