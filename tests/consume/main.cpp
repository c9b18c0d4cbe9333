// What a project of a user's own does first: build a layer, run it on an image, look at the result.
#include <iostream>
#include <paser/core/random.hpp>
#include <paser/nn/conv2d.hpp>
#include <paser/version.hpp>

int main() {
  using namespace paser;
  nn::Conv2d<float> box(nn::Conv2dSpec::same(1, 1), Key{7});
  box.weight.value = Tensor<float, 4>::full({3, 3, 1, 1}, 1.0f);
  box.bias.value = Tensor<float, 1>::zeros({1});

  const auto sums = infer(box, Tensor<float, 4>::full({1, 4, 4, 1}, 1.0f));
  float total = 0;
  for (const float sum : sums.values()) total += sum;
  std::cout << "paser " << version << ": the neighbours of 16 pixels add up to " << total << '\n';
}
