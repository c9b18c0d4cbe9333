/// The networks of PaSeR as a whole: inference, MC dropout and training steps. Flops are those of convolutions and
/// linear layers, two for each multiply-accumulate, counted as direct convolution; a training step counts as three
/// forward passes, MC dropout as all its passes.
///   models_bench --benchmark_filter=large

#include <benchmark/benchmark.h>

#include "counters.hpp"
#include "paser/metrics/count_operations.hpp"
#include "paser/models/any_segmenter.hpp"
#include "paser/models/policy_net.hpp"
#include "paser/models/unet.hpp"
#include "paser/ops/cross_entropy.hpp"
#include "paser/optim/adam.hpp"
#include "paser/uncertainty/mc_dropout.hpp"

namespace {

using namespace paser;

template <class Model>
double flops(const Model& model, const Shape<4>& input) {
  double sum = 0;
  for (const auto& [op, count] : metrics::count_operations(model, input).by_op)
    if (op == "conv" || op == "linear") sum += 2 * static_cast<double>(count);
  return sum;
}

template <class Model>
void infer(benchmark::State& state, const Model& model, const Shape<4>& input) {
  const auto x = uniform<float>(Key{2}, input);
  FilterCache<float> filters;
  infer(model, x, &filters);
  for (auto _ : state) benchmark::DoNotOptimize(infer(model, x, &filters));
  bench::report_work(state, flops(model, input), 0);
}

template <class Model>
void mc_dropout(benchmark::State& state, const Model& model, const Shape<4>& input) {
  const auto x = uniform<float>(Key{2}, input);
  std::uint64_t run = 0;
  for (auto _ : state) benchmark::DoNotOptimize(uncertainty::mc_dropout(model, x, Key{run++}, {.samples = 5}));
  bench::report_work(state, 5 * flops(model, input), 0);
}

template <class Model>
void train(benchmark::State& state, const Model& initial, const Shape<4>& input) {
  Model model = initial;
  const auto x = uniform<float>(Key{2}, input);
  const auto labels = Labels::zeros({input.n(), input.h(), input.w()});
  optim::Adam<float> adam({.learning_rate = 1e-4});
  std::uint64_t step = 0;
  for (auto _ : state) {
    const auto result = value_and_gradients<float>(run::training, Key{4}.fold(step++), [&](auto& ctx) {
      return cross_entropy(model(ctx, ctx.constant(x)), labels);
    });
    adam.step(model, result.gradients);
  }
  bench::report_work(state, 3 * flops(initial, input), 0);
}

template <class Work>
void add(const std::string& name, const Work& work) {
  benchmark::RegisterBenchmark(name.c_str(), work)->Unit(benchmark::kMillisecond)->UseRealTime();
}

template <class Model>
void add_network(const std::string& name, const std::vector<Shape<4>>& inputs) {
  const Model model(Key{1});
  for (const Shape<4>& s : inputs) {
    const std::string size = message("/", s.n(), "x", s.h(), "x", s.w());
    add(name + "/inference" + size, [=](benchmark::State& state) { infer(state, model, s); });
    add(name + "/training" + size, [=](benchmark::State& state) { train(state, model, s); });
  }
}

}  // namespace

int main(int argc, char** argv) {
  add_network<models::StaticUNet<1, 3, 8, 2>>("small", {{1, 224, 256, 1}, {4, 224, 256, 1}, {128, 32, 32, 1}});
  add_network<models::StaticUNet<1, 3, 16, 4>>("medium", {{16, 56, 64, 1}, {128, 32, 32, 1}});
  add_network<models::StaticUNet<1, 3, 64, 4>>("large", {{1, 56, 64, 1}, {16, 56, 64, 1}, {128, 32, 32, 1}});
  add("small/mc_dropout/1x224x256", [](benchmark::State& state) {
    mc_dropout(state, models::StaticUNet<1, 3, 8, 2>(Key{1}), {1, 224, 256, 1});
  });
  add("policy/inference/1x224x256", [](benchmark::State& state) {
    infer(state, models::PolicyNet<float>(48, Key{1}), {1, 224, 256, 2});
  });
  return bench::run(argc, argv);
}
