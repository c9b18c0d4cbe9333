#include "paser/ops/cross_entropy.hpp"

#include <catch2/catch.hpp>

#include "paser/autograd/gradient_check.hpp"

using namespace paser;

namespace {

using Labels1 = Tensor<std::int32_t, 1>;

Labels random_labels(Key key, const Shape<3>& shape, Index classes) {
  Labels labels(shape);
  std::int32_t* out = labels.mutable_data();
  for (Index i = 0; i < labels.numel(); ++i)
    out[i] = static_cast<std::int32_t>(key.uniform_int(static_cast<std::uint64_t>(i), classes));
  return labels;
}

/// The gradient by the logits of a cross entropy.
template <class T, int Rank, class Target>
Tensor<T, Rank> gradient(const Tensor<T, Rank>& logits, const Target& target, const CrossEntropyOptions& options) {
  Tape<T> tape;
  const auto x = tape.variable(logits);
  tape.backward(cross_entropy(x, target, options), Tensor<T, 1>::full({1}, T(1)));
  return tape.gradient(x);
}

}  // namespace

TEST_CASE("cross entropy of labels passes its gradient check under every rule") {
  const auto logits = normal<double>(Key{1}, Shape{2, 3, 4, 3}, 0, 2);
  auto labels = random_labels(Key{2}, {2, 3, 4}, 3);
  labels.mutable_data()[5] = 255;
  CrossEntropyOptions options{.class_weight = {0.9, 0.5, 0.1}, .ignore_index = 255};
  options.normalizer = GENERATE(Normalizer::target_weights, Normalizer::pixels);
  if (GENERATE(false, true)) options.total = 7.5;
  CHECK(gradient_check([&](const auto& x) { return cross_entropy(x, labels, options); }, logits).passed);
  CHECK(cross_entropy(logits, labels, options)(0) == cross_entropy(Var(logits), labels, options).value()(0));

  double sum = 0, weight = 0;
  for (Index i = 0; i < labels.numel(); ++i) {
    if (i == 5) continue;
    const double* x = logits.data() + 3 * i;
    const auto k = static_cast<std::size_t>(labels.data()[i]);
    sum += options.class_weight[k] * (std::log(std::exp(x[0]) + std::exp(x[1]) + std::exp(x[2])) - x[k]);
    weight += options.class_weight[k];
  }
  const double divisor = options.total ? *options.total : options.normalizer == Normalizer::pixels ? 23 : weight;
  CHECK(cross_entropy(logits, labels, options)(0) == Approx(sum / divisor));
}

TEST_CASE("cross entropy of probabilities passes its gradient check and equals that of labels when one-hot") {
  const auto logits = normal<double>(Key{1}, Shape{2, 3, 5, 4}), target = uniform<double>(Key{3}, Shape{2, 3, 5, 4});
  const CrossEntropyOptions options{.class_weight = {0.9, 0.5, 0.1, 2}, .normalizer = Normalizer::pixels};
  CHECK(gradient_check([&](const auto& x) { return cross_entropy(x, target, options); }, logits).passed);

  const auto labels = random_labels(Key{2}, {2, 3, 5}, 4);
  auto onehot = Tensor<double, 4>::zeros(logits.shape());
  double* hot = onehot.mutable_data();
  for (Index i = 0; i < labels.numel(); ++i) hot[4 * i + labels.data()[i]] = 1;
  CHECK(cross_entropy(logits, onehot, options)(0) == Approx(cross_entropy(logits, labels, options)(0)).epsilon(1e-13));
  CHECK(max_abs_difference(gradient(logits, onehot, options), gradient(logits, labels, options)) < 1e-15);
}

TEST_CASE("a batch without a counted pixel has loss zero and gradient exactly zero") {
  const auto logits = normal<float>(Key{1}, Shape{1, 1, 2, 3});
  const auto labels = Labels::full({1, 1, 2}, 255);
  CrossEntropyOptions options{.ignore_index = 255};
  options.normalizer = GENERATE(Normalizer::target_weights, Normalizer::pixels);
  CHECK(target_totals(labels, 3, options).pixels == 0);
  CHECK(cross_entropy(logits, labels, options)(0) == 0);
  for (const float g : gradient(logits, labels, options).values()) CHECK(g == 0);
}

TEST_CASE("an ignored pixel takes no part: the value of PyTorch's documentation case") {
  const auto logits = Tensor<double, 2>::from({4, 3}, {2, 1, 0, 0, 1, 2, 1, 1, 1, 0, 3, 0});
  const auto labels = Labels1::from({4}, {0, 2, 255, 1});
  const CrossEntropyOptions options{.ignore_index = 255};
  CHECK(std::abs(cross_entropy(logits, labels, options)(0) - 0.3033782951) < 1e-10);
  CHECK(target_totals(labels, 3, options).pixels == 3);
  const auto g = gradient(logits, labels, options);
  for (Index k = 0; k < 3; ++k) CHECK(g(2, k) == 0);
  CHECK(g(0, 0) < 0);
}

TEST_CASE("a label out of range is an error that names place and value") {
  const auto logits = Tensor<float, 4>::zeros({1, 2, 3, 3});
  auto labels = Labels::zeros({1, 2, 3});
  labels.mutable_data()[4] = GENERATE(3, -1);
  CHECK_THROWS_AS(cross_entropy(logits, labels), ValueError);
  CHECK_THROWS_WITH(
      cross_entropy(logits, labels, {.ignore_index = 255}),
      Catch::Contains(message("label ", labels(0, 1, 1), " at (0,1,1), expected 0..2 or the ignored 255")));
  CHECK_THROWS_WITH(cross_entropy(logits, Labels::zeros({1, 3, 2})),
                    Catch::Contains("labels (1,3,2) do not fit logits (1,2,3,3)"));
  CHECK_THROWS_AS(cross_entropy(logits, Labels::zeros({1, 2, 3}), {.class_weight = {1, 1}}), ShapeError);
}

TEMPLATE_TEST_CASE("hopeless logits have a finite loss and a full gradient", "", float, double) {
  using T = TestType;
  const auto two = Tensor<T, 2>::from({1, 2}, {100, -100});
  CHECK(cross_entropy(two, Labels1::from({1}, {1}))(0) == Approx(200));
  CHECK(gradient(two, Labels1::from({1}, {1}), {})(0, 0) == Approx(1));
  const auto three = Tensor<T, 2>::from({1, 3}, {1000, 0, -1000});
  CHECK(cross_entropy(three, Labels1::from({1}, {2}))(0) == Approx(2000));
  const auto g = gradient(three, Labels1::from({1}, {2}), {});
  CHECK((g(0, 0) == Approx(1) && g(0, 1) == Approx(0).margin(1e-30) && g(0, 2) == Approx(-1)));
  const auto certain = Tensor<T, 2>::from({1, 2}, {1, -std::numeric_limits<T>::infinity()});
  CHECK(cross_entropy(certain, Tensor<T, 2>::from({1, 2}, {1, 0}))(0) == Approx(0).margin(1e-30));
  CHECK(std::isnan(cross_entropy(Tensor<T, 2>::from({1, 2}, {1, NAN}), Labels1::from({1}, {0}))(0)));
}

TEST_CASE("with the batch's total the losses and gradients of micro-batches add up to those of the batch") {
  const auto logits = normal<double>(Key{1}, Shape{4, 3, 5, 3});
  const auto labels = random_labels(Key{2}, {4, 3, 5}, 3);
  const CrossEntropyOptions options{.class_weight = {0.2, 1, 3}};
  CrossEntropyOptions part = options;
  part.total = target_totals(labels, 3, options).of(options.normalizer);
  double loss = 0;
  const auto whole = gradient(logits, labels, options);
  for (Index i = 0; i < 4; ++i) {
    const auto x = Tensor<double, 4>::from({1, 3, 5, 3}, logits.values().subspan(static_cast<std::size_t>(45 * i), 45));
    const auto y = Labels::from({1, 3, 5}, labels.values().subspan(static_cast<std::size_t>(15 * i), 15));
    loss += cross_entropy(x, y, part)(0);
    const auto g = gradient(x, y, part);
    for (Index k = 0; k < 45; ++k) CHECK(g.data()[k] == Approx(whole.data()[45 * i + k]).epsilon(1e-13));
  }
  CHECK(loss == Approx(cross_entropy(logits, labels, options)(0)).epsilon(1e-13));
}

TEST_CASE("the loss has the same bits on any number of threads") {
  const auto logits = normal<float>(Key{1}, Shape{3, 60, 70, 3});
  const auto labels = random_labels(Key{2}, {3, 60, 70}, 3);
  const auto run = [&](int count) {
    set_threads(count);
    const float loss = cross_entropy(logits, labels)(0);
    set_threads(0);
    return loss;
  };
  CHECK(run(1) == run(2));
  CHECK(run(1) == run(4));
}
