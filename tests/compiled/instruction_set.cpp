// Prints the instruction set whose kernels run, and a convolution's sum that they compute: 4 corners with 4 neighbours,
// 8 edges with 6, 4 inner pixels with 9.
#include <iostream>

#include "paser/core/isa.hpp"
#include "paser/core/random.hpp"
#include "paser/nn/conv2d.hpp"

int main() try {
  using namespace paser;
  nn::Conv2d<float> box(nn::Conv2dSpec::same(1, 1), Key{7});
  box.weight.value = Tensor<float, 4>::full({3, 3, 1, 1}, 1.0f);
  box.bias.value = Tensor<float, 1>::zeros({1});
  float total = 0;
  for (const float sum : infer(box, Tensor<float, 4>::full({1, 4, 4, 1}, 1.0f)).values()) total += sum;
  std::cout << isa() << ": " << total << '\n';
} catch (const paser::Error& error) {
  std::cout << error.what() << '\n';
  return 1;
}
