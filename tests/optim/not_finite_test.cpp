#include <catch2/catch.hpp>
#include <cmath>

#include "paser/optim/adam.hpp"
#include "paser/optim/sgd.hpp"

namespace optim_not_finite_test {

using namespace paser;
using Catch::Contains;

constexpr Index size = 40'000;  // several pieces of work

template <class T>
struct Module {
  Parameter<T, 1> first{Tensor<T, 1>::full({3}, T(1))}, weight{Tensor<T, 1>::full({size}, T(1))};
  Buffer<T, 1> mean{Tensor<T, 1>::zeros({2})};

  template <class Self, class F>
  static void visit(Self& self, F&& f) {
    f("first", self.first);
    f("weight", self.weight);
    f("mean", self.mean);
  }
};

template <class T>
Gradients<T> gradients_with(const Module<T>& module, Index place, T value) {
  auto g = Tensor<T, 1>::full({size}, T(0.5));
  g.mutable_data()[place] = value;
  Gradients<T> gradients;
  gradients.add(&module.first, Tensor<T, 1>::full({3}, T(0.5)));
  gradients.add(&module.weight, g);
  return gradients;
}

TEMPLATE_TEST_CASE("a gradient that is not finite stops the step, wherever it is, and is named", "", optim::Adam<float>,
                   optim::Adam<double>, optim::AdamW<float>, optim::Sgd<float>, optim::Sgd<double>) {
  using T = typename TestType::Scalar;
  for (const double bad : {std::nan(""), HUGE_VAL, -HUGE_VAL})
    for (const Index place : {Index{0}, Index{16'384}, size / 2 + 1, size - 1}) {
      Module<T> module;
      TestType optimizer({.learning_rate = 1e-3});
      optimizer.step(module, gradients_with(module, place, T(0.25)));
      CHECK_THROWS_WITH(
          optimizer.step(module, gradients_with(module, place, static_cast<T>(bad))),
          Contains("the gradient of weight has ") && Contains(message("at position ", place, " of 40000")));
    }
}

TEMPLATE_TEST_CASE("weights that a step makes infinite are told with the learning rate", "", optim::Adam<float>,
                   optim::AdamW<float>, optim::Sgd<float>) {
  Module<float> module;
  TestType optimizer({.learning_rate = 3.4e38});
  const auto step = [&] {
    for (int i = 0; i < 3; ++i) optimizer.step(module, gradients_with(module, 7, 1e3f));
  };
  CHECK_THROWS_WITH(step(), Contains("updated at the learning rate 3.4e+38"));
  CHECK_THROWS_AS(step(), NotFiniteError);
}

TEMPLATE_TEST_CASE("a gradient whose square is no number stops Adam at once, and later within 16 steps", "", float,
                   double) {
  using T = TestType;
  const T large = std::is_same_v<T, float> ? T(1e25) : static_cast<T>(1e200);
  Module<T> module;
  optim::Adam<T> adam({});
  CHECK_THROWS_WITH(adam.step(module, gradients_with(module, 5, large)),
                    Contains("weight.exp_avg_sq has inf at position 5"));
  Module<T> other;
  optim::Adam<T> late({});
  late.step(other, gradients_with(other, 5, T(1)));
  int steps = 0;
  try {
    for (; steps < 40; ++steps) late.step(other, gradients_with(other, 5, steps == 0 ? large : T(1)));
  } catch (const NotFiniteError&) {
  }
  CHECK(steps < 16);
}

TEST_CASE("a buffer's next value that is not finite is refused before it is written") {
  Module<float> module;
  optim::Adam<float> adam({});
  auto gradients = gradients_with(module, 0, 1.f);
  gradients.set_next(&module.mean, Tensor<float, 1>::from({2}, {1.f, NAN}));
  CHECK_THROWS_WITH(adam.step(module, gradients), Contains("the next value of mean has nan at position 1 of 2"));
  CHECK(module.mean.value(1) == 0);
}

TEST_CASE("large finite numbers are let through") {
  Module<double> module;
  optim::Sgd<double> sgd({.learning_rate = 1e-10});
  CHECK_NOTHROW(sgd.step(module, gradients_with(module, 3, 1e300)));
  CHECK(module.weight.value(3) == Approx(-1e290));
}

}  // namespace optim_not_finite_test
