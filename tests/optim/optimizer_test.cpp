#include "paser/optim/optimizer.hpp"

#include <catch2/catch.hpp>

#include "paser/nn/linear.hpp"
#include "paser/optim/adam.hpp"
#include "paser/optim/sgd.hpp"

using namespace paser;

namespace {

/// Two parameters and a buffer.
template <class T>
struct Module {
  Parameter<T, 1> used{uniform<T>(Key{1}, Shape{11}, -1, 1)};
  Parameter<T, 2> unused{uniform<T>(Key{2}, Shape{2, 3}, -1, 1)};
  Buffer<T, 1> buffer{Tensor<T, 1>::zeros({2})};

  template <class Self, class F>
  static void visit(Self& self, F&& f) {
    f("used", self.used);
    f("unused", self.unused);
    f("buffer", self.buffer);
  }
};

template <class T>
Gradients<T> gradients_of(const Module<T>& m, int step) {
  Gradients<T> g;
  g.add(&m.used, normal<T>(Key{100}.fold(static_cast<std::uint64_t>(step)), m.used.value.shape()));
  return g;
}

/// One number under Adam, as PyTorch's documentation writes it down.
struct PlainAdam {
  double lr, b1, b2, eps, wd;
  bool decoupled;
  double m = 0, v = 0;
  double step(double x, double g, int t) {
    if (decoupled) {
      x -= lr * wd * x;
    } else {
      g += wd * x;
    }
    m = b1 * m + (1 - b1) * g;
    v = b2 * v + (1 - b2) * g * g;
    return x - lr * (m / (1 - std::pow(b1, t))) / (std::sqrt(v / (1 - std::pow(b2, t))) + eps);
  }
};

template <class Optimizer>
void compare_with_plain(Optimizer optimizer, PlainAdam plain) {
  Module<double> m;
  std::vector<PlainAdam> rules(11, plain);
  std::vector<double> x(m.used.value.values().begin(), m.used.value.values().end());
  const auto untouched = m.unused.value;
  for (int t = 1; t <= 5; ++t) {
    const auto g = gradients_of(m, t);
    for (std::size_t i = 0; i < x.size(); ++i) x[i] = rules[i].step(x[i], g.find(m.used)->data()[i], t);
    optimizer.step(m, g);
    for (std::size_t i = 0; i < x.size(); ++i) CHECK(m.used.value.data()[i] == Approx(x[i]).epsilon(1e-13));
  }
  CHECK(max_abs_difference(m.unused.value, untouched) == 0);
}

}  // namespace

TEST_CASE("Adam and AdamW do the textbook's arithmetic, in packets and in the tail") {
  compare_with_plain(optim::Adam<double>({.learning_rate = 0.01, .eps = 1e-3}), {0.01, 0.9, 0.999, 1e-3, 0, false});
  compare_with_plain(optim::Adam<double>({.learning_rate = 0.1, .beta1 = 0.5, .beta2 = 0.7, .weight_decay = 0.3}),
                     {0.1, 0.5, 0.7, 1e-8, 0.3, false});
  compare_with_plain(optim::AdamW<double>({.learning_rate = 0.02}), {0.02, 0.9, 0.999, 1e-8, 1e-2, true});
}

TEST_CASE("the first Adam step moves every value by the learning rate against the sign of its gradient") {
  Module<float> m;
  const auto before = m.used.value;
  optim::Adam<float> adam({.learning_rate = 1e-2});
  const auto g = gradients_of(m, 1);
  adam.step(m, g);
  for (Index i = 0; i < 11; ++i)
    CHECK(m.used.value(i) - before(i) == Approx(g.of(m.used)(i) > 0 ? -0.01 : 0.01).epsilon(1e-4));
}

TEST_CASE("SGD with momentum, dampening and Nesterov follows PyTorch's definition") {
  const double momentum = GENERATE(0.0, 0.9), dampening = GENERATE(0.0, 0.3);
  const bool nesterov = GENERATE(false, true);
  if (nesterov && (momentum == 0 || dampening != 0)) return;
  Module<double> m;
  optim::Sgd<double> sgd(
      {.learning_rate = 0.1, .momentum = momentum, .dampening = dampening, .weight_decay = 0.2, .nesterov = nesterov});
  std::vector<double> x(m.used.value.values().begin(), m.used.value.values().end()), buffer(x.size());
  for (int t = 1; t <= 4; ++t) {
    const auto gradients = gradients_of(m, t);
    for (std::size_t i = 0; i < x.size(); ++i) {
      const double g = gradients.find(m.used)->data()[i] + 0.2 * x[i];
      buffer[i] = t == 1 ? g : momentum * buffer[i] + (1 - dampening) * g;
      x[i] -= 0.1 * (momentum == 0 ? g : nesterov ? g + momentum * buffer[i] : buffer[i]);
    }
    sgd.step(m, gradients);
    for (std::size_t i = 0; i < x.size(); ++i) CHECK(m.used.value.data()[i] == Approx(x[i]).epsilon(1e-13));
  }
}

TEST_CASE("a step writes the next values of buffers, and a model that was copied is told apart") {
  Module<float> m;
  auto g = gradients_of(m, 1);
  g.set_next(&m.buffer, Tensor<float, 1>::full({2}, 3.F));
  optim::Sgd<float> sgd({});
  const Module<float> copy = m;
  sgd.step(m, g);
  CHECK(m.buffer.value(1) == 3);
  CHECK(copy.used.value(0) != m.used.value(0));
  Module<float> other = m;
  CHECK_THROWS_WITH(sgd.step(other, g), Catch::Contains("none of the gradients belongs to this model"));
  nn::Linear<float> linear(3, 4, Key{});
  CHECK_THROWS_WITH(sgd.step(linear, g), Catch::Contains("its state is that of another model"));
}

TEST_CASE("an optimizer whose state is copied goes on exactly as the first one") {
  Module<float> m;
  optim::Adam<float> adam({.learning_rate = 0.1});
  for (int t = 1; t <= 3; ++t) adam.step(m, gradients_of(m, t));
  std::vector<std::string> names;
  std::vector<Tensor<float, 1>> values;
  nn::walk(adam, [&](const std::string& name, const auto& b) {
    names.push_back(name);
    values.push_back(b.value);
  });
  CHECK(names == std::vector<std::string>{"used.exp_avg", "used.exp_avg_sq", "used.step", "unused.exp_avg",
                                          "unused.exp_avg_sq", "unused.step"});
  CHECK(values[2](0) == 3);
  CHECK(values[5](0) == 0);

  Module<float> again = m;
  optim::Adam<float> resumed({.learning_rate = 0.1});
  resumed.bind(again);
  std::size_t i = 0;
  nn::walk(resumed, [&](const std::string&, auto& b) { b.value = values[i++]; });
  adam.step(m, gradients_of(m, 4));
  resumed.step(again, gradients_of(again, 4));
  CHECK(max_abs_difference(m.used.value, again.used.value) == 0);
}

TEST_CASE("options out of range are refused") {
  CHECK_THROWS_AS(optim::Adam<float>({.beta1 = 1}), ValueError);
  CHECK_THROWS_AS(optim::AdamW<float>({.learning_rate = -1}), ValueError);
  CHECK_THROWS_AS(optim::Sgd<float>({.nesterov = true}), ValueError);
  optim::Sgd<float> sgd({});
  CHECK_THROWS_AS(sgd.set_learning_rate(NAN), ValueError);
}

TEST_CASE("an optimizer refuses gradients of a model that has changed its sizes since, and then changes nothing") {
  Module<double> m;
  const auto unused = m.unused.value;
  Gradients<double> g;
  g.add(&m.unused, Tensor<double, 1>::full({6}, 1));  // comes after the one that does not fit
  SECTION("a parameter") {
    g.add(&m.used, Tensor<double, 1>::full({11}, 1));
    m.used.value = Tensor<double, 1>::zeros({4000});
    CHECK_THROWS_WITH((optim::Sgd<double>({.learning_rate = 1}).step(m, g)),
                      Catch::Contains("the gradient of used has 11 values, expected 4000"));
    CHECK(m.used.value(3999) == 0);
  }
  SECTION("a buffer") {
    g.set_next(&m.buffer, Tensor<double, 1>::full({2}, 1));
    m.buffer.value = Tensor<double, 1>::zeros({3});
    CHECK_THROWS_WITH((optim::Sgd<double>({.learning_rate = 1}).step(m, g)),
                      Catch::Contains("the next value of buffer has 2 values, expected 3"));
    CHECK(m.buffer.value(2) == 0);
  }
  CHECK(max_abs_difference(m.unused.value, unused) == 0);
}
