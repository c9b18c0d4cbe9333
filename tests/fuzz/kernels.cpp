#include "kernels/convolution.hpp"
#include "kernels/flat.hpp"
#include "kernels/images.hpp"
#include "kernels/rows.hpp"

/// Every fast kernel on shapes and options of any kind, against a plain twin in double that follows its definition.
namespace {

template <class T>
void check_one(fuzz::Draw& draw) {
  using namespace fuzz;
  constexpr void (*cases[])(Draw&) = {convolution<T>, convolution_relu_pool<T>, max_pool<T>,
                                      separable<T>,   channel_norm<T>,          pad_and_copy<T>,
                                      patches<T>,     fuzz::softmax<T>,         fuzz::cross_entropy<T>,
                                      distances<T>,   entropy_and_argmax<T>,    fuzz::attention<T>,
                                      layer_norm<T>,  matrix_product<T>,        dropout<T>,
                                      optimizers<T>,  activations<T>,           elementwise<T>};
  cases[draw.between(0, std::size(cases) - 1)](draw);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Draw draw(data, size);
  if (draw.between(0, 3) == 0)
    check_one<double>(draw);
  else
    check_one<float>(draw);
  return 0;
}
