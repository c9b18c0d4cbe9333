#include "paser/core/tensor.hpp"

int one();

int main() {
  return one() - static_cast<int>(paser::Tensor<float, 1>::zeros({1}).numel());
}
