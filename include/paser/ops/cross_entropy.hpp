#pragma once
#include "paser/core/macros_off.inc"

#include <optional>
#include <string>
#include <vector>

#include "paser/autograd/tape.hpp"
#include "paser/core/finite.hpp"
#include "paser/core/float_state.hpp"
#include "paser/kernels/cross_entropy.hpp"

namespace paser {

/// What the summed cross entropy is divided by.
enum class Normalizer {
  target_weights,  ///< the sum of the pixels' class weights: PyTorch's rule for class-index targets
  pixels           ///< the number of pixels: PyTorch's rule for probability targets, and the paper's loss
};

/// How the loss of the pixels becomes one number.
struct CrossEntropyOptions {
  std::vector<double> class_weight{};          ///< one per class; empty: all 1
  std::optional<std::int32_t> ignore_index{};  ///< pixels of this label take no part and are not counted
  Normalizer normalizer = Normalizer::target_weights;
  /// Divide by this number instead. Give the target_totals of the whole batch, so that the losses and gradients of its
  /// micro-batches add up to those of the batch. 0: loss and gradients are 0. ValueError when it is negative or not
  /// finite.
  std::optional<double> total{};
};

/// How much a map of labels weighs in a cross entropy.
struct TargetTotals {
  Index pixels = 0;   ///< those that are not ignored; the weight of this map in a mean over several
  double weight = 0;  ///< the sum of their class weights

  /// What the sum of the losses is divided by.
  double of(Normalizer normalizer) const {
    return normalizer == Normalizer::pixels ? static_cast<double>(pixels) : weight;
  }
};

namespace detail {

inline std::vector<double> class_weights(const CrossEntropyOptions& options, Index classes) {
  if (options.class_weight.empty()) return std::vector<double>(static_cast<std::size_t>(classes), 1.0);
  check(static_cast<Index>(options.class_weight.size()) == classes, "cross_entropy", options.class_weight.size(),
        " class weights for ", classes, " classes");
  for (const double w : options.class_weight)
    check<ValueError>(is_finite(w) && w >= 0, "cross_entropy", "a class weight must be a number of at least 0, got ",
                      value_text(w));
  return options.class_weight;
}

/// (n,row,column) of a flat position.
template <int Rank>
std::string position(const Shape<Rank>& shape, Index flat) {
  Shape<Rank> place;
  for (int axis = Rank - 1; axis >= 0; --axis) {
    place[axis] = flat % shape[axis];
    flat /= shape[axis];
  }
  return message(place);
}

/// 1 / total, or 0 when there is nothing to divide by: a batch without a counted pixel has loss 0 and gradient 0.
/// Throws ValueError when it is negative or not finite: a loss of 0 would look like success.
inline double inverse(const char* where, double total) {
  check<ValueError>(is_finite(total) && total >= 0, where,
                    "the number that the loss is divided by must be finite and not negative, got ", value_text(total));
  return total > 0 ? 1 / total : 0.0;
}

/// One number, recorded: the gradient of each input is given and only waits to be multiplied by that of the loss.
template <class T, int Rank>
Var<T, 1> record_loss(double loss, const Var<T, Rank>& x, Tensor<T, Rank> gradient) {
  const FlushDenormals flush;
  return record(Tensor<T, 1>::full({1}, static_cast<T>(loss)), {x},
                [gradient = std::move(gradient)](const Tensor<T, 1>& dy, GradientSink<T>& grad) mutable {
                  if (dy(0) != T(1)) {
                    T* const g = gradient.mutable_data();
                    kernels::scale(gradient.numel(), dy(0), g, g);
                  }
                  grad.add(0, std::move(gradient));
                });
}

template <int LogitRank, int LabelRank>
void check_targets(const Shape<LogitRank>& logits, const Shape<LabelRank>& labels) {
  static_assert(LogitRank == LabelRank + 1, "cross_entropy: labels have one axis less than logits");
  bool same = logits.last() >= 1;
  for (int axis = 0; axis < LabelRank; ++axis) same = same && logits[axis] == labels[axis];
  check(same, "cross_entropy", "labels ", labels, " do not fit logits ", logits);
}

}  // namespace detail

/// Counts the pixels that take part and sums their class weights. Throws ValueError with position and value on a label
/// outside 0 .. classes - 1 that is not ignored.
template <int Rank>
TargetTotals target_totals(const Tensor<std::int32_t, Rank>& labels, Index classes,
                           const CrossEntropyOptions& options = {}) {
  const std::vector<double> weight = detail::class_weights(options, classes);
  std::vector<Index> count(weight.size(), 0);
  const std::int32_t* const label = labels.data();
  for (Index i = 0; i < labels.numel(); ++i) {
    const std::int32_t k = label[i];
    if (options.ignore_index && k == *options.ignore_index) continue;
    if (k < 0 || k >= classes) [[unlikely]]
      throw ValueError(message(
          "cross_entropy: label ", k, " at ", detail::position(labels.shape(), i), ", expected 0..", classes - 1,
          options.ignore_index ? message(" or the ignored ", *options.ignore_index) : std::string{}));
    ++count[static_cast<std::size_t>(k)];
  }
  TargetTotals totals;
  for (std::size_t k = 0; k < count.size(); ++k) {
    totals.pixels += count[k];
    totals.weight += weight[k] * static_cast<double>(count[k]);
  }
  return totals;
}

namespace detail {

/// The loss, and its gradient where asked for.
template <class T, int Rank>
double cross_entropy(const Tensor<T, Rank>& logits, const Tensor<std::int32_t, Rank - 1>& labels,
                     const CrossEntropyOptions& options, T* gradient) {
  check_targets(logits.shape(), labels.shape());
  const Index classes = logits.shape().last();
  const std::vector<double> weight = class_weights(options, classes);
  const TargetTotals totals = target_totals(labels, classes, options);
  const double factor = inverse("cross_entropy", options.total.value_or(totals.of(options.normalizer)));
  // No label reaches 2^32, so without an ignored one nothing is skipped.
  const std::int64_t ignored = options.ignore_index ? std::int64_t{*options.ignore_index} : std::int64_t{1} << 32;
  return factor * kernels::cross_entropy_labels(labels.numel(), classes, logits.data(), labels.data(), weight.data(),
                                                ignored, factor, gradient);
}

template <class T, int Rank>
double cross_entropy(const Tensor<T, Rank>& logits, const Tensor<T, Rank>& target, const CrossEntropyOptions& options,
                     T* gradient) {
  check_same_shape("cross_entropy", logits, target);
  const Index classes = logits.shape().last();
  const std::vector<double> weight = class_weights(options, classes);
  check<ValueError>(!options.ignore_index, "cross_entropy", "probability targets have no label to ignore");
  const Index rows = classes > 0 ? logits.numel() / classes : 0;
  const double factor = inverse("cross_entropy", options.total.value_or(static_cast<double>(rows)));
  return factor * kernels::cross_entropy_probabilities(rows, classes, logits.data(), target.data(), weight.data(),
                                                       factor, gradient);
}

}  // namespace detail

/// Class-weighted cross entropy of logits (N, H, W, K) and labels (N, H, W), or (N, K) and (N):
///   sum of weight[label] (log sum exp(logits) - logits[label]) / normalizer,
/// torch.nn.functional.cross_entropy with class indices. Log-sum-exp is taken about the largest logit, so it is exact
/// where a probability underflows. When every pixel is ignored the loss is 0 and so are the gradients (PyTorch: NaN);
/// target_totals tells. Throws ShapeError when labels and logits do not fit, ValueError on a label out of range.
template <class T, int Rank>
Tensor<T, 1> cross_entropy(const Tensor<T, Rank>& logits, const Tensor<std::int32_t, Rank - 1>& labels,
                           const CrossEntropyOptions& options = {}) {
  const FlushDenormals flush;
  return Tensor<T, 1>::full({1},
                            static_cast<T>(detail::cross_entropy(logits, labels, options, static_cast<T*>(nullptr))));
}

/// The same value, recorded. dlogits = weight[label] (softmax - onehot) / normalizer, made in the same pass.
template <class T, int Rank>
Var<T, 1> cross_entropy(const Var<T, Rank>& logits, const Tensor<std::int32_t, Rank - 1>& labels,
                        const CrossEntropyOptions& options = {}) {
  Tensor<T, Rank> gradient(logits.shape());
  const double loss = detail::cross_entropy(logits.value(), labels, options, gradient.mutable_data());
  return detail::record_loss(loss, logits, std::move(gradient));
}

/// Cross entropy with a distribution over the classes as the target of every pixel, shaped as the logits:
///   sum of weight[k] target[k] (log sum exp(logits) - logits[k]) / (number of pixels, or options.total),
/// torch.nn.functional.cross_entropy with class probabilities. Nothing flows back into the target.
template <class T, int Rank>
Tensor<T, 1> cross_entropy(const Tensor<T, Rank>& logits, const Tensor<T, Rank>& target,
                           const CrossEntropyOptions& options = {}) {
  const FlushDenormals flush;
  return Tensor<T, 1>::full({1},
                            static_cast<T>(detail::cross_entropy(logits, target, options, static_cast<T*>(nullptr))));
}

template <class T, int Rank>
Var<T, 1> cross_entropy(const Var<T, Rank>& logits, const Tensor<T, Rank>& target,
                        const CrossEntropyOptions& options = {}) {
  Tensor<T, Rank> gradient(logits.shape());
  const double loss = detail::cross_entropy(logits.value(), target, options, gradient.mutable_data());
  return detail::record_loss(loss, logits, std::move(gradient));
}

}  // namespace paser
#include "paser/core/macros_on.inc"
