#include "paser/ops/distillation.hpp"

#include <catch2/catch.hpp>

#include "paser/autograd/gradient_check.hpp"

using namespace paser;

namespace {
const Shape<4> shape{2, 3, 4, 3};
const auto student = normal<double>(Key{1}, shape, 0, 2), teacher = normal<double>(Key{2}, shape, 0, 2);
}  // namespace

TEST_CASE("mean squared error has PyTorch's value and passes its gradient check in both inputs") {
  const auto f = [](const auto& a, const auto& b) { return mean_squared_error(a, b); };
  CHECK(gradient_check(f, student, teacher).passed);
  double sum = 0;
  for (Index i = 0; i < student.numel(); ++i) sum += std::pow(student.data()[i] - teacher.data()[i], 2);
  CHECK(mean_squared_error(student, teacher)(0) == Approx(sum / 72));
  CHECK(mean_squared_error(student, teacher, 144.0)(0) == Approx(sum / 144));
  CHECK(mean_squared_error(Var(student), Var(teacher)).value()(0) == mean_squared_error(student, teacher)(0));
}

TEST_CASE("KL divergence has its definition's value and passes its gradient check in both inputs") {
  const double temperature = GENERATE(1.0, 2.5);
  const auto f = [&](const auto& a, const auto& b) { return kl_divergence(a, b, temperature); };
  CHECK(gradient_check(f, student, teacher).passed);
  double sum = 0;
  for (Index i = 0; i < student.numel(); i += 3) {
    double zs = 0, zt = 0;
    for (Index k = 0; k < 3; ++k) {
      zs += std::exp(student.data()[i + k] / temperature);
      zt += std::exp(teacher.data()[i + k] / temperature);
    }
    for (Index k = 0; k < 3; ++k) {
      const double log_s = student.data()[i + k] / temperature - std::log(zs);
      const double log_t = teacher.data()[i + k] / temperature - std::log(zt);
      sum += std::exp(log_t) * (log_t - log_s);
    }
  }
  CHECK(kl_divergence(student, teacher, temperature)(0) == Approx(temperature * temperature * sum / 2));
  CHECK(kl_divergence(teacher, teacher, temperature)(0) == Approx(0).margin(1e-15));
  CHECK_THROWS_AS(kl_divergence(student, teacher, 0), ValueError);
}

TEST_CASE("KL divergence of certain teachers is finite") {
  const auto t = Tensor<float, 2>::from({1, 3}, {500, 0, -500}), s = Tensor<float, 2>::from({1, 3}, {-500, 0, 500});
  CHECK(kl_divergence(s, t, 1)(0) == Approx(1000));
  Tape<float> tape;
  const auto vs = tape.variable(s), vt = tape.variable(t);
  tape.backward(kl_divergence(vs, vt, 1), Tensor<float, 1>::full({1}, 1.F));
  for (const float g : tape.gradient(vs).values()) CHECK(std::isfinite(g));
  for (const float g : tape.gradient(vt).values()) CHECK(std::isfinite(g));
}

TEST_CASE("the distillation loss mixes cross entropy and distillation and sends nothing into the teacher") {
  auto labels = Labels::zeros({2, 3, 4});
  labels.mutable_data()[3] = 2;
  const CrossEntropyOptions entropy{.class_weight = {1, 2, 3}, .normalizer = Normalizer::pixels};
  DistillationOptions options{.alpha = 0.3, .temperature = 2};
  options.kind = GENERATE(DistillationOptions::Kind::mse, DistillationOptions::Kind::kl);
  const auto loss = distillation_loss(student, teacher, labels, entropy, options);
  CHECK(loss.cross_entropy(0) == cross_entropy(student, labels, entropy)(0));
  CHECK(loss.distillation(0) == (options.kind == DistillationOptions::Kind::mse
                                     ? mean_squared_error(student, teacher)(0)
                                     : kl_divergence(student, teacher, 2)(0)));
  CHECK(loss.total(0) == Approx(0.7 * loss.cross_entropy(0) + 0.3 * loss.distillation(0)));
  CHECK(gradient_check([&](const auto& x) { return distillation_loss(x, teacher, labels, entropy, options).total; },
                       student)
            .passed);
  CHECK_THROWS_AS(distillation_loss(student, teacher, labels, {}, {.alpha = 1.5}), ValueError);
}
