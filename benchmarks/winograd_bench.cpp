#include <benchmark/benchmark.h>

#include "counters.hpp"
#include "paser/core/random.hpp"
#include "paser/kernels/conv2d.hpp"

/// Each algorithm on the 3x3 layers of the three UNets: patches of 56x64 and below, batches of 16 and 1, a whole image,
/// and MNIST's batches of 128. FLOPS counts two for every multiply-accumulate of the definition, so that Winograd can
/// show more than the machine's peak. `chosen` is 1 where choose_algorithm takes this one. Threads: OMP_NUM_THREADS.
namespace {

using namespace paser;
using kernels::ConvDirection;
using kernels::ConvShape;

template <ConvDirection direction, ConvAlgorithm algorithm>
void conv3x3(benchmark::State& state) {
  ConvShape s{state.range(0),     state.range(1), state.range(2), state.range(3), state.range(4), 3, 3,
              {.padding = {1, 1}}};
  const bool chosen = kernels::choose_algorithm(s, direction) == algorithm;
  s.options.algorithm = algorithm;
  const auto x = uniform<float>(Key{1}, Shape{s.x_size()}, -1, 1),
             dy = uniform<float>(Key{2}, Shape{s.y_size()}, -1, 1),
             weight = uniform<float>(Key{3}, Shape{s.weight_size()}, -1, 1);
  Tensor<float, 1> result({std::max({s.x_size(), s.y_size(), s.weight_size()})});
  float* const out = result.mutable_data();
  const float* const no_bias = nullptr;
  for (auto _ : state) {
    if constexpr (direction == ConvDirection::forward)
      kernels::conv2d_forward(s, x.data(), weight.data(), no_bias, out);
    if constexpr (direction == ConvDirection::backward_input)
      kernels::conv2d_backward_input(s, dy.data(), weight.data(), out);
    if constexpr (direction == ConvDirection::backward_weight)
      kernels::conv2d_backward_weight(s, x.data(), dy.data(), out);
    benchmark::ClobberMemory();
  }
  bench::report_work(state, 2 * static_cast<double>(s.macs()),
                     4 * static_cast<double>(s.x_size() + s.y_size() + s.weight_size()));
  state.counters["chosen"] = chosen ? 1 : 0;
}

void layers(benchmark::internal::Benchmark* bench) {
  bench->ArgNames({"n", "h", "w", "c", "k"})->Unit(benchmark::kMillisecond)->UseRealTime();
  bench->Args({16, 56, 64, 64, 64})->Args({16, 56, 64, 128, 128})->Args({16, 28, 32, 128, 128});
  bench->Args({16, 28, 32, 256, 256})->Args({16, 14, 16, 256, 512})->Args({16, 7, 8, 512, 1024});
  bench->Args({16, 3, 4, 512, 512})->Args({16, 56, 64, 16, 16})->Args({16, 28, 32, 32, 32});
  bench->Args({1, 112, 128, 16, 16})->Args({1, 56, 64, 64, 64})->Args({1, 14, 16, 256, 256});
  bench->Args({1, 7, 8, 512, 512})->Args({1, 3, 4, 512, 512})->Args({1, 224, 256, 8, 8});
  bench->Args({128, 32, 32, 64, 64})->Args({128, 16, 16, 128, 128})->Args({128, 8, 8, 256, 256});
  bench->Args({128, 4, 4, 512, 512})->Args({128, 2, 2, 512, 512});
}

BENCHMARK(conv3x3<ConvDirection::forward, ConvAlgorithm::direct>)->Apply(layers);
BENCHMARK(conv3x3<ConvDirection::forward, ConvAlgorithm::winograd_2x2>)->Apply(layers);
BENCHMARK(conv3x3<ConvDirection::forward, ConvAlgorithm::winograd_4x4>)->Apply(layers);
BENCHMARK(conv3x3<ConvDirection::backward_input, ConvAlgorithm::direct>)->Apply(layers);
BENCHMARK(conv3x3<ConvDirection::backward_input, ConvAlgorithm::winograd_2x2>)->Apply(layers);
BENCHMARK(conv3x3<ConvDirection::backward_input, ConvAlgorithm::winograd_4x4>)->Apply(layers);
BENCHMARK(conv3x3<ConvDirection::backward_weight, ConvAlgorithm::direct>)->Apply(layers);
BENCHMARK(conv3x3<ConvDirection::backward_weight, ConvAlgorithm::winograd_2x2>)->Apply(layers);
BENCHMARK(conv3x3<ConvDirection::backward_weight, ConvAlgorithm::winograd_4x4>)->Apply(layers);

}  // namespace

int main(int argc, char** argv) {
  return bench::run(argc, argv);
}
