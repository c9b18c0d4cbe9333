/// Every convolution of the three UNets: forward pass, gradient of the input and gradient of the weight, by the kernel
/// that the ops choose and by direct summation alone. `peak` is the share of the machine's multiply-add peak, measured
/// at the start; multiply-adds are counted as those of direct summation, so Winograd can show more than 100 %.
///   conv2d_bench --benchmark_filter=small --benchmark_repetitions=9

#include <benchmark/benchmark.h>

#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "counters.hpp"
#include "paser/core/random.hpp"
#include "paser/kernels/conv2d.hpp"

namespace {

using namespace paser;
using kernels::ConvShape;

enum class Pass { forward, backward_input, backward_weight };

void run(benchmark::State& state, ConvShape shape, ConvAlgorithm algorithm, Pass pass) {
  shape.options.algorithm = algorithm;
  const auto x = uniform<float>(Key{1}, Shape{shape.x_size()}, -1, 1);
  const auto weight = uniform<float>(Key{2}, Shape{shape.weight_size()}, -1, 1);
  const auto dy = uniform<float>(Key{3}, Shape{shape.y_size()}, -1, 1);
  const auto bias = uniform<float>(Key{4}, Shape{shape.k}, -1, 1);
  Tensor<float, 1> y(dy.shape()), dx(x.shape()), dweight(weight.shape());
  float *const to_y = y.mutable_data(), *const to_dx = dx.mutable_data(), *const to_dweight = dweight.mutable_data();
  for (auto _ : state) {
    switch (pass) {
      case Pass::forward:
        kernels::conv2d_forward(shape, x.data(), weight.data(), bias.data(), to_y);
        break;
      case Pass::backward_input:
        kernels::conv2d_backward_input(shape, dy.data(), weight.data(), to_dx);
        break;
      case Pass::backward_weight:
        kernels::conv2d_backward_weight(shape, x.data(), dy.data(), to_dweight);
        break;
    }
    benchmark::ClobberMemory();
  }
  bench::report_work(state, 2 * static_cast<double>(shape.macs()),
                     4 * static_cast<double>(shape.x_size() + shape.y_size() + shape.weight_size()));
}

/// The convolutions of a bilinear UNet of one input channel and three classes, without repeats.
std::vector<ConvShape> unet_layers(Index width, Index depth, Index n, Index h, Index w) {
  std::vector<ConvShape> layers;
  std::set<std::tuple<Index, Index, Index, Index>> seen;
  const auto add = [&](Index level, Index in, Index out, Index kernel) {
    const ConvShape layer{n, h >> level, w >> level, in, out, kernel, kernel, {.padding = {kernel / 2, kernel / 2}}};
    if (seen.insert({layer.h, in, out, kernel}).second) layers.push_back(layer);
  };
  add(0, 1, width / 2, 1);
  add(0, width / 2, width, 3);
  add(0, width, width, 3);
  for (Index level = 1; level <= depth; ++level) {
    const Index above = width << (level - 1), here = level == depth ? above : 2 * above;
    add(level, above, here, 3);
    add(level, here, here, 3);
  }
  for (Index level = depth; level-- > 0;) {
    const Index middle = width << level;
    add(level, 2 * middle, middle, 3);
    add(level, middle, level > 0 ? middle / 2 : middle, 3);
  }
  add(0, width, 3, 1);
  return layers;
}

void register_layers(const std::string& network, const std::vector<ConvShape>& layers) {
  for (const ConvShape& s : layers)
    for (const ConvAlgorithm algorithm : {ConvAlgorithm::automatic, ConvAlgorithm::direct})
      for (const auto& [pass, pass_name] :
           {std::pair{Pass::forward, "forward"}, {Pass::backward_input, "dx"}, {Pass::backward_weight, "dweight"}}) {
        const std::string name = message(network, "/", s.n, "x", s.h, "x", s.w, "/", s.c, "-", s.k, "/", s.r, "x", s.s,
                                         "/", pass_name, "/", algorithm == ConvAlgorithm::direct ? "direct" : "chosen");
        benchmark::RegisterBenchmark(
            name.c_str(), [s, algorithm, pass = pass](benchmark::State& state) { run(state, s, algorithm, pass); })
            ->Unit(benchmark::kMillisecond)
            ->UseRealTime();
      }
}

}  // namespace

int main(int argc, char** argv) {
  register_layers("small", unet_layers(8, 2, 1, 224, 256));
  register_layers("medium", unet_layers(16, 4, 16, 56, 64));
  register_layers("large", unet_layers(64, 4, 16, 56, 64));
  register_layers("large_patch", unet_layers(64, 4, 1, 56, 64));
  return bench::run(argc, argv);
}
