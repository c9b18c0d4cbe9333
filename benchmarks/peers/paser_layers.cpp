/// Single layers by paser, its convolutions by the algorithm of that name: paser_layers [ALGORITHM] THREADS

#include "../count_argument.hpp"
#include "layer_worker.hpp"
#include "paser/core/parallel.hpp"
#include "paser/core/tensor.hpp"
#include "paser/kernels/conv/algorithm.hpp"
#include "paser/kernels/conv2d.hpp"
#include "paser/kernels/gemm.hpp"

namespace {

using namespace layer_worker;
using paser::Index;

using Buffer = paser::Tensor<float, 1>;  // aligned, as the arguments of the kernels are in a network

Buffer buffer(const Values& values) {
  Buffer b({static_cast<Index>(values.size())});
  std::copy(values.begin(), values.end(), b.mutable_data());
  return b;
}

Job job(std::shared_ptr<Buffer> out, std::function<void()> run) {
  return {std::move(run), [out] { return Values(out->data(), out->data() + out->numel()); }};
}

Job make(const Layer& l, paser::ConvAlgorithm algorithm) {
  const Buffer x = buffer(x_data(l)), weight = buffer(weight_data(l)), dy = buffer(dy_data(l));
  const paser::kernels::ConvShape shape{
      l.n, l.h, l.w, l.c,
      l.k, l.r, l.r, {{l.stride, l.stride}, {l.padding, l.padding}, {l.dilation, l.dilation}, l.groups, algorithm}};
  const auto out = [](std::size_t size) { return std::make_shared<Buffer>(paser::Shape<1>{static_cast<Index>(size)}); };
  if (l.pass == "forward") {
    const auto y = out(l.y_size());
    float* const to = y->mutable_data();
    return job(y, [=] { paser::kernels::conv2d_forward<float>(shape, x.data(), weight.data(), nullptr, to); });
  }
  if (l.pass == "input_gradient") {
    const auto dx = out(l.x_size());
    float* const to = dx->mutable_data();
    return job(dx, [=] { paser::kernels::conv2d_backward_input<float>(shape, dy.data(), weight.data(), to); });
  }
  if (l.pass == "weight_gradient") {
    const auto dw = out(l.weight_size());
    float* const to = dw->mutable_data();
    return job(dw, [=] { paser::kernels::conv2d_backward_weight<float>(shape, x.data(), dy.data(), to); });
  }
  const auto y = out(l.y_size());
  float* const to = y->mutable_data();
  return job(y, [=] { paser::kernels::gemm<float>({x.data(), l.n, l.c}, {weight.data(), l.c, l.k}, to); });
}

}  // namespace

int main(int argc, char** argv) {
  const auto algorithm = paser::conv_algorithm(argc > 2 ? argv[1] : "automatic");
  if (argc > 1) paser::set_threads(benchmark_program::count_argument(argc, argv, argc - 1, 1, "threads"));
  serve([algorithm](const Layer& l) { return make(l, algorithm); });
}
