/// Every kernel but the convolutions, on the sizes that the UNets have: matrix product, norm, pools, resizing, softmax,
/// entropy, dropout, Adam. Most are bound by memory: GB/s counts what must be read and written once, to be held against
/// the bandwidths that `machine` prints.
///   kernels_bench --benchmark_filter=norm

#include <benchmark/benchmark.h>

#include "counters.hpp"
#include "paser/kernels/optimizer.hpp"
#include "paser/ops/conv2d.hpp"
#include "paser/ops/cross_entropy.hpp"
#include "paser/ops/dropout.hpp"
#include "paser/ops/entropy.hpp"
#include "paser/ops/instance_norm.hpp"
#include "paser/ops/linear.hpp"
#include "paser/ops/max_pool2d.hpp"
#include "paser/ops/softmax.hpp"
#include "paser/ops/upsample_bilinear.hpp"

namespace {

using namespace paser;

constexpr double bytes_of(Index values) {
  return 4 * static_cast<double>(values);
}

/// Times `work`, which returns a tensor or nothing.
template <class Work>
void time(benchmark::State& state, double flops, double bytes, const Work& work) {
  for (auto _ : state) {
    work();
    benchmark::ClobberMemory();
  }
  bench::report_work(state, flops, bytes);
}

Tensor<float, 4> map(benchmark::State& state) {
  return uniform<float>(Key{1}, Shape{state.range(0), state.range(1), state.range(2), state.range(3)}, -1, 1);
}

/// The gradient of an op on one map: forward and backward.
template <class Op>
void time_with_gradient(benchmark::State& state, double bytes, const Tensor<float, 4>& x, const Op& op) {
  const auto seed = uniform<float>(Key{2}, op(Var<float, 4>(x)).shape(), -1, 1);
  time(state, 0, bytes, [&] {
    Tape<float> tape;
    const auto leaf = tape.variable(x);
    tape.backward(op(leaf), seed);
  });
}

void gemm(benchmark::State& state) {
  const Index rows = state.range(0), out = state.range(1), in = state.range(2);
  const auto x = uniform<float>(Key{1}, Shape{rows, in}, -1, 1), weight = uniform<float>(Key{2}, Shape{in, out}, -1, 1);
  time(state, 2.0 * static_cast<double>(rows * out * in), bytes_of(rows * in + in * out + rows * out),
       [&] { linear(x, weight); });
}
BENCHMARK(gemm)
    ->ArgNames({"rows", "out", "in"})
    ->Args({1792, 256, 1024})
    ->Args({57344, 64, 64})
    ->Args({256, 256, 256})
    ->UseRealTime()
    ->Unit(benchmark::kMicrosecond);

void instance_norm_relu(benchmark::State& state) {
  const auto x = map(state);
  time(state, 0, bytes_of(3 * x.numel()), [&] { instance_norm(x, InstanceNormOptions{.relu = true}); });
}
void instance_norm_relu_gradient(benchmark::State& state) {
  const auto x = map(state);
  time_with_gradient(state, bytes_of(8 * x.numel()), x,
                     [](const auto& v) { return instance_norm(v, InstanceNormOptions{.relu = true}); });
}
void max_pool(benchmark::State& state) {
  const auto x = map(state);
  time(state, 0, bytes_of(x.numel() + x.numel() / 4), [&] { max_pool2d(x); });
}
void max_pool_gradient(benchmark::State& state) {
  const auto x = map(state);
  time_with_gradient(state, bytes_of(2 * x.numel() + x.numel() / 2), x, [](const auto& v) { return max_pool2d(v); });
}
void upsample(benchmark::State& state) {
  const auto x = map(state);
  time(state, 0, bytes_of(5 * x.numel()), [&] { upsample_bilinear(x, {.scale = 2, .align_corners = true}); });
}
void upsample_gradient(benchmark::State& state) {
  const auto x = map(state);
  time_with_gradient(state, bytes_of(10 * x.numel()), x,
                     [](const auto& v) { return upsample_bilinear(v, {.scale = 2, .align_corners = true}); });
}
void dropout_half(benchmark::State& state) {
  const auto x = map(state);
  const std::vector<Key> keys(static_cast<std::size_t>(x.shape().n()), Key{5});
  time(state, 0, bytes_of(2 * x.numel()), [&] { dropout(x, 0.5, keys); });
}
void dropout_fifth(benchmark::State& state) {
  const auto x = map(state);
  const std::vector<Key> keys(static_cast<std::size_t>(x.shape().n()), Key{5});
  time(state, 0, bytes_of(2 * x.numel()), [&] { dropout(x, 0.2, keys); });
}
void depthwise(benchmark::State& state) {
  const auto x = map(state);
  const Index c = x.shape().c();
  const auto weight = uniform<float>(Key{2}, Shape<4>{3, 3, 1, c}, -1, 1);
  time(state, 18.0 * static_cast<double>(x.numel()), bytes_of(2 * x.numel()), [&] {
    conv2d(x, weight, Conv2dOptions{.padding = {1, 1}, .groups = c});
  });
}

void maps(benchmark::internal::Benchmark* b) {
  b->ArgNames({"n", "h", "w", "c"})->Args({1, 224, 256, 8})->Args({16, 56, 64, 64})->Args({128, 32, 32, 16});
}
BENCHMARK(instance_norm_relu)->Apply(maps)->UseRealTime()->Unit(benchmark::kMicrosecond);
BENCHMARK(instance_norm_relu_gradient)->Apply(maps)->UseRealTime()->Unit(benchmark::kMicrosecond);
BENCHMARK(max_pool)->Apply(maps)->UseRealTime()->Unit(benchmark::kMicrosecond);
BENCHMARK(max_pool_gradient)->Apply(maps)->UseRealTime()->Unit(benchmark::kMicrosecond);
BENCHMARK(upsample)->Apply(maps)->UseRealTime()->Unit(benchmark::kMicrosecond);
BENCHMARK(upsample_gradient)->Apply(maps)->UseRealTime()->Unit(benchmark::kMicrosecond);
BENCHMARK(dropout_half)->Apply(maps)->UseRealTime()->Unit(benchmark::kMicrosecond);
BENCHMARK(dropout_fifth)->Apply(maps)->UseRealTime()->Unit(benchmark::kMicrosecond);
BENCHMARK(depthwise)->Apply(maps)->UseRealTime()->Unit(benchmark::kMicrosecond);

void softmax_classes(benchmark::State& state) {
  const auto x = map(state);
  time(state, 0, bytes_of(2 * x.numel()), [&] { softmax(x); });
}
void entropy_map(benchmark::State& state) {
  const auto p = softmax(map(state));
  time(state, 0, bytes_of(p.numel() + p.numel() / 3), [&] { entropy(p); });
}
void cross_entropy_gradient(benchmark::State& state) {
  const auto x = map(state);
  const auto labels = Labels::zeros({x.shape().n(), x.shape().h(), x.shape().w()});
  const auto one = Tensor<float, 1>::full({1}, 1);
  time(state, 0, bytes_of(3 * x.numel()), [&] {
    Tape<float> tape;
    const auto leaf = tape.variable(x);
    tape.backward(cross_entropy(leaf, labels), one);
  });
}
void logits(benchmark::internal::Benchmark* b) {
  b->ArgNames({"n", "h", "w", "classes"})->Args({5, 224, 256, 3});
}
BENCHMARK(softmax_classes)->Apply(logits)->UseRealTime()->Unit(benchmark::kMicrosecond);
BENCHMARK(entropy_map)->Apply(logits)->UseRealTime()->Unit(benchmark::kMicrosecond);
BENCHMARK(cross_entropy_gradient)->Apply(logits)->UseRealTime()->Unit(benchmark::kMicrosecond);

/// Reads gradient, weight and both moments, writes the last three: 28 bytes a parameter.
void adam(benchmark::State& state) {
  const Index n = state.range(0);
  const auto gradient = uniform<float>(Key{1}, Shape{n}, -1, 1);
  auto value = uniform<float>(Key{2}, Shape{n}, -1, 1), m = Tensor<float, 1>::zeros({n}), v = m.clone();
  float *const to_value = value.mutable_data(), *const to_m = m.mutable_data(), *const to_v = v.mutable_data();
  const kernels::AdamStep<float> step{};
  time(state, 0, 28.0 * static_cast<double>(n), [&] { kernels::adam(n, step, gradient.data(), to_value, to_m, to_v); });
}
BENCHMARK(adam)->ArgName("parameters")->Arg(16'571)->Arg(17'275'459)->UseRealTime()->Unit(benchmark::kMicrosecond);

}  // namespace

int main(int argc, char** argv) {
  return bench::run(argc, argv);
}
