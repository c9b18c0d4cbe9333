#pragma once
#include "paser/core/macros_off.inc"

#include "paser/core/float_state.hpp"
#include "paser/kernels/divergence.hpp"
#include "paser/ops/arithmetic.hpp"
#include "paser/ops/cross_entropy.hpp"

namespace paser {

namespace detail {

/// A loss of two inputs whose gradients are given.
template <class T, int Rank>
Var<T, 1> record_loss(double loss, const Var<T, Rank>& a, Tensor<T, Rank> da, const Var<T, Rank>& b,
                      Tensor<T, Rank> db) {
  const FlushDenormals flush;
  return record(Tensor<T, 1>::full({1}, static_cast<T>(loss)), {a, b},
                [da = std::move(da), db = std::move(db)](const Tensor<T, 1>& dy, GradientSink<T>& grad) {
                  if (grad.wants(0)) grad.add(0, scale(da, static_cast<double>(dy(0))));
                  if (grad.wants(1)) grad.add(1, scale(db, static_cast<double>(dy(0))));
                });
}

}  // namespace detail

/// Mean of (a - b)^2 over all elements (torch.nn.functional.mse_loss); `total` replaces the number of elements, so that
/// micro-batches add up. Shapes must be equal. Throws ValueError on a total that is negative or not finite.
template <class T, int Rank>
Tensor<T, 1> mean_squared_error(const Tensor<T, Rank>& a, const Tensor<T, Rank>& b, std::optional<double> total = {}) {
  check_same_shape("mean_squared_error", a, b);
  const double factor = detail::inverse("mean_squared_error", total.value_or(static_cast<double>(a.numel())));
  const double sum = kernels::squared_error(a.numel(), a.data(), b.data(), factor, static_cast<T*>(nullptr));
  const FlushDenormals flush;
  return Tensor<T, 1>::full({1}, static_cast<T>(factor * sum));
}

/// The same value, recorded: da = 2 (a - b) / total, db = -da.
template <class T, int Rank>
Var<T, 1> mean_squared_error(const Var<T, Rank>& a, const Var<T, Rank>& b, std::optional<double> total = {}) {
  check_same_shape("mean_squared_error", a.value(), b.value());
  const Index n = a.value().numel();
  const double factor = detail::inverse("mean_squared_error", total.value_or(static_cast<double>(n)));
  Tensor<T, Rank> da(a.shape());
  const double sum = kernels::squared_error(n, a.value().data(), b.value().data(), factor, da.mutable_data());
  return detail::record_loss(factor * sum, a, da, b, b.is_constant() ? Tensor<T, Rank>{} : scale(da, -1));
}

/// Distillation by distributions (Hinton et al. 2015): T^2 / N times the sum over all pixels of
/// KL(softmax(teacher / T) || softmax(student / T)), the reduction "batchmean" of torch.nn.functional.kl_div.
/// Classes lie in the last axis; N is the first extent, or `total`. Throws ValueError unless the temperature is
/// positive and finite.
template <class T, int Rank>
Tensor<T, 1> kl_divergence(const Tensor<T, Rank>& student, const Tensor<T, Rank>& teacher, double temperature,
                           std::optional<double> total = {}) {
  return kl_divergence(Var(student), Var(teacher), temperature, total).value();
}

/// The same value, recorded, with s and t the two softmaxes:
///   dstudent = T / N (s - t),   dteacher = T / N t (log t - log s - KL of the pixel).
template <class T, int Rank>
Var<T, 1> kl_divergence(const Var<T, Rank>& student, const Var<T, Rank>& teacher, double temperature,
                        std::optional<double> total = {}) {
  check_same_shape("kl_divergence", student.value(), teacher.value());
  check<ValueError>(is_finite(temperature) && temperature > 0, "kl_divergence",
                    "the temperature must be positive and finite, got ", value_text(temperature));
  const Index n = student.shape().last(), rows = n > 0 ? student.value().numel() / n : 0;
  const double factor = temperature * temperature *
                        detail::inverse("kl_divergence", total.value_or(static_cast<double>(student.shape()[0])));
  Tensor<T, Rank> ds, dt;
  if (!student.is_constant()) ds = Tensor<T, Rank>(student.shape());
  if (!teacher.is_constant()) dt = Tensor<T, Rank>(teacher.shape());
  const double sum = kernels::tempered_divergence(rows, n, student.value().data(), teacher.value().data(), temperature,
                                                  factor / temperature, ds.mutable_data(), dt.mutable_data());
  return detail::record_loss(factor * sum, student, std::move(ds), teacher, std::move(dt));
}

/// How a student learns from a teacher's logits beside the labels.
struct DistillationOptions {
  /// The squared difference of logits, or the divergence of softened distributions.
  enum class Kind { mse, kl };
  double alpha = 0.01;            ///< share of the distillation term
  Kind kind = Kind::mse;          ///< the paper's: squared error of the logits
  double temperature = 1;         ///< of Kind::kl
  std::optional<double> total{};  ///< normaliser of the distillation term, see mean_squared_error and kl_divergence
};

/// total = (1 - alpha) cross_entropy + alpha distillation.
template <class Scalar>
struct DistillationLoss {
  Scalar total, cross_entropy, distillation;
};

/// The loss of PaSeR's small network. student, teacher: logits (N, H, W, K); labels: class indices (N, H, W) or
/// probabilities shaped as the logits. Nothing flows back into the teacher. Under a Tensor the three numbers, under a
/// Var recorded ones.
template <class Value, class T, int Rank, class Target>
auto distillation_loss(const Value& student, const Tensor<T, Rank>& teacher, const Target& labels,
                       const CrossEntropyOptions& entropy = {}, const DistillationOptions& options = {}) {
  check<ValueError>(options.alpha >= 0 && options.alpha <= 1, "distillation_loss", "alpha must lie in [0,1], got ",
                    options.alpha);
  const auto ce = cross_entropy(student, labels, entropy);
  const auto kd = options.kind == DistillationOptions::Kind::mse
                      ? mean_squared_error(student, Value(teacher), options.total)
                      : kl_divergence(student, Value(teacher), options.temperature, options.total);
  using Scalar = std::remove_const_t<decltype(ce)>;
  return DistillationLoss<Scalar>{add(scale(ce, 1 - options.alpha), scale(kd, options.alpha)), ce, kd};
}

}  // namespace paser
#include "paser/core/macros_on.inc"
