// The guards against numbers that are not finite, in a program that promises the compiler that there are none
// (-ffast-math). Returns the number of guards that let one through.
#include <bit>
#include <cstdio>
#include <functional>

#include "paser/data/class_weights.hpp"
#include "paser/io/checkpoint.hpp"
#include "paser/metrics/statistics.hpp"
#include "paser/nn/linear.hpp"
#include "paser/ops/argmax_channels.hpp"
#include "paser/ops/distillation.hpp"
#include "paser/ops/instance_norm.hpp"
#include "paser/optim/adam.hpp"
#include "paser/optim/sgd.hpp"
#include "paser/pipeline/routing/routing_curve.hpp"
#include "paser/rl/categorical.hpp"

using namespace paser;

namespace {

// By their bits, which the compiler does not look through.
const volatile std::uint32_t nan_bits = 0x7fc00000, infinity_bits = 0x7f800000;
float nan_value() {
  return std::bit_cast<float>(static_cast<std::uint32_t>(nan_bits));
}
float infinity() {
  return std::bit_cast<float>(static_cast<std::uint32_t>(infinity_bits));
}

int failures = 0;

void refuses(const char* what, const std::function<void()>& work) {
  try {
    work();
  } catch (const Error& error) {
    std::printf("refused, %s: %s\n", what, error.what());
    return;
  }
  std::printf("LET THROUGH: %s\n", what);
  ++failures;
}

}  // namespace

int main() {
  for (const float bad : {nan_value(), infinity(), -infinity()}) {
    auto x = Tensor<float, 4>::zeros({1, 30, 30, 3});
    x.mutable_data()[1700] = bad;
    refuses("a value in an array", [&] { check_finite("array", x.numel(), x.data(), "x"); });
    if (is_nan(bad) || bad > 0) refuses("a label", [&] { argmax_channels(x); });
    nn::Linear<float> model(700, 2, Key{1});
    optim::Adam<float> adam({});
    auto g = Tensor<float, 1>::zeros({1400});
    g.mutable_data()[900] = bad;
    Gradients<float> gradients;
    gradients.add(&model.weight, g);
    refuses("a gradient", [&] { adam.step(model, gradients); });
    nn::Linear<float> spoilt(700, 2, Key{1});
    spoilt.weight.value.mutable_data()[1399] = bad;
    refuses("a saved weight", [&] { io::Checkpoint().put("f1", spoilt); });
    auto state = io::state_dict(spoilt);
    refuses("a loaded weight", [&] { io::load_state_dict(model, state); });
    refuses("a loss", [&] {
      value_and_gradients<float>(run::training, {},
                                 [&](auto& ctx) { return ctx.constant(Tensor<float, 1>::full({1}, bad)); });
    });
  }
  for (const float bad : {nan_value(), infinity()}) {
    const double setting = bad;
    refuses("a learning rate", [&] { optim::Adam<float>({.learning_rate = setting}); });
    refuses("an eps of Adam", [&] { optim::AdamW<float>({.eps = setting}); });
    refuses("a learning rate of a schedule", [&] { optim::Adam<float>({}).set_learning_rate(setting); });
    refuses("a group's factor",
            [&] { optim::Adam<float>({}, {{.takes = optim::is_vector, .learning_rate = setting}}); });
    refuses("a momentum", [&] { optim::Sgd<float>({.momentum = setting}); });
    refuses("an eps of a norm", [&] { instance_norm(Tensor<float, 4>::zeros({1, 3, 3, 2}), {.eps = setting}); });
    refuses("a total of a loss", [&] {
      const auto x = Tensor<float, 1>::zeros({3});
      mean_squared_error(x, x, setting);
    });
  }
  auto logits = Tensor<float, 3>::zeros({1, 2, 3});
  logits.mutable_data()[4] = nan_value();
  refuses("a route", [&] { rl::Categorical<float>{logits}; });
  nn::Linear<float> model(700, 2, Key{1});
  optim::Adam<float> adam({.learning_rate = 3.4e38});
  Gradients<float> gradients;
  gradients.add(&model.weight, Tensor<float, 1>::full({1400}, 2.0f));
  refuses("a learning rate that is too large", [&] {
    for (int i = 0; i < 3; ++i) adam.step(model, gradients);
  });
  refuses("a class weight", [] { data::class_weights<std::string>("1e39,1", {5, 5}); });
  for (const float bad : {nan_value(), infinity()})
    refuses("a score of a patch", [&] { pipeline::detail::even_thresholds({0.5, bad, 0.1}, 3); });
  refuses("a value among others", [] { metrics::quantile(std::vector<double>{1, nan_value(), 3}, 0.5); });
  refuses("a difference from NaN", [] {
    const auto zeros = Tensor<float, 1>::zeros({3}), bad = Tensor<float, 1>::full({3}, nan_value());
    check<ValueError>(is_finite(max_abs_difference(zeros, bad)), "test", "the difference is told");
    check<ValueError>(is_finite(max_abs_difference(bad, zeros)), "test", "the difference is told");
  });
  return failures;
}
