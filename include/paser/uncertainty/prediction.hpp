#pragma once
#include "paser/core/macros_off.inc"

#include <utility>

#include "paser/core/rows.hpp"
#include "paser/ops/argmax_channels.hpp"
#include "paser/ops/arithmetic.hpp"
#include "paser/ops/entropy.hpp"
#include "paser/ops/softmax.hpp"

namespace paser::uncertainty {

/// How passes are put together.
struct PredictionOptions {
  double epsilon = probability_epsilon;  ///< see entropy()
  bool decompose = false;                ///< split the entropy into its aleatoric and its epistemic part
};

/// What a segmentation network, or several samples of one, says about a batch of images: the predictive distribution of
/// every pixel and how much it leaves open.
template <class T>
struct Prediction {
  Tensor<T, 4> probabilities;  ///< of the classes, the mean over the samples, (N, H, W, K)
  Tensor<T, 4> first_sample;   ///< the same of the first sample alone, (N, H, W, K)
  Labels labels;               ///< the most probable class of the mean, ties to the lowest, (N, H, W)
  Tensor<T, 3> entropy;        ///< of the mean, in nats: total uncertainty, (N, H, W)

  /// Only with PredictionOptions::decompose: mean entropy of the passes (aleatoric), and what remains of the entropy,
  /// the mutual information of label and weights (epistemic), both in nats.
  Tensor<T, 3> expected_entropy, mutual_information;

  /// Several passes, all of them equal in every bit: the model has no active dropout. Worth a warning.
  bool without_noise = false;

  /// What the paper's policy sees: (N, H, W, 2), the label as a number and the entropy in nats.
  Tensor<T, 4> policy_state() const {
    const Shape<3>& s = labels.shape();
    Tensor<T, 4> map({s[0], s[1], s[2], 2});
    T* const out = map.mutable_data();
    for (Index i = 0; i < labels.numel(); ++i) {
      out[2 * i] = static_cast<T>(labels.data()[i]);
      out[2 * i + 1] = entropy.data()[i];
    }
    return map;
  }
};

/// Sums up samples as they come.
template <class T>
class SampleSum {
 public:
  explicit SampleSum(const PredictionOptions& options = {}) : options_(options) {}

  /// Samples of `images` images: logits (samples * N, H, W, K), all images of a sample together. Throws ShapeError when
  /// they do not divide, or are other images or classes than those before.
  void add(const Tensor<T, 4>& logits, Index images) {
    check(images >= 1 && logits.numel() > 0 && logits.shape().n() % images == 0, "SampleSum", "logits ", logits.shape(),
          " are not samples of ", images, " images");
    const Index passes = logits.shape().n() / images, size = logits.numel() / passes;
    check(count_ == 0 || size == prediction_.probabilities.numel(), "SampleSum", "logits ", logits.shape(),
          " beside samples of ", prediction_.probabilities.shape());
    const Tensor<T, 4> all = softmax(logits);
    const Index first = count_ == 0 ? 1 : 0;
    if (first == 1) prediction_.probabilities = prediction_.first_sample = slice_rows(all, 0, images);
    for (Index pass = first; pass < passes && same_; ++pass)
      same_ = std::equal(all.data() + pass * size, all.data() + (pass + 1) * size, prediction_.first_sample.data());
    for (Index pass = first; pass < passes; ++pass) add_rows(prediction_.probabilities, all, pass * images);
    count_ += static_cast<int>(passes);
    if (options_.decompose)
      for (Index pass = 0; pass < passes; ++pass)
        add_to(prediction_.expected_entropy,
               entropy(slice_rows(all, pass * images, (pass + 1) * images), options_.epsilon));
  }

  /// The prediction of all samples that were added.
  Prediction<T> finish() {
    divide(prediction_.probabilities);
    prediction_.labels = argmax_channels(prediction_.probabilities);
    prediction_.entropy = entropy(prediction_.probabilities, options_.epsilon);
    prediction_.without_noise = count_ > 1 && same_;
    if (options_.decompose) {
      divide(prediction_.expected_entropy);
      auto& rest = prediction_.mutual_information = Tensor<T, 3>(prediction_.entropy.shape());
      T* const out = rest.mutable_data();
      for (Index i = 0; i < rest.numel(); ++i)
        out[i] = std::max(prediction_.entropy.data()[i] - prediction_.expected_entropy.data()[i], T(0));
    }
    return std::move(prediction_);
  }

 private:
  static void add_to(Tensor<T, 3>& sum, const Tensor<T, 3>& x) {
    if (sum.empty()) {
      sum = x;
    } else {
      add_rows(sum, x, 0);
    }
  }
  template <int Rank>
  void divide(Tensor<T, Rank>& sum) const {
    if (count_ > 1) scale_in_place(sum, 1.0 / count_);
  }

  PredictionOptions options_;
  Prediction<T> prediction_;
  int count_ = 0;
  bool same_ = true;
};

namespace detail {

/// Writes `part` over the rows of `whole` from `row` on; `whole` is made for `rows` rows when it is empty.
template <class T, int Rank>
void place_rows(Tensor<T, Rank>& whole, Index rows, Index row, const Tensor<T, Rank>& part) {
  if (part.empty()) return;
  Shape<Rank> shape = part.shape();
  const Index size = part.numel() / shape[0];
  shape[0] = rows;
  if (whole.empty()) whole = Tensor<T, Rank>(shape);
  std::copy_n(part.data(), part.numel(), whole.mutable_data() + row * size);
}

}  // namespace detail

/// The prediction of n images, of which predict(begin, end) makes a part; at most `size` at once, to bound the memory.
template <class T, class Predict>
Prediction<T> predict_in_parts(Index n, Index size, const Predict& predict) {
  if (n <= size) return predict(Index{0}, n);
  Prediction<T> whole;
  whole.without_noise = true;
  for_each_chunk(n, size, [&](Index begin, Index end) {
    const Prediction<T> part = predict(begin, end);
    detail::place_rows(whole.probabilities, n, begin, part.probabilities);
    detail::place_rows(whole.first_sample, n, begin, part.first_sample);
    detail::place_rows(whole.labels, n, begin, part.labels);
    detail::place_rows(whole.entropy, n, begin, part.entropy);
    detail::place_rows(whole.expected_entropy, n, begin, part.expected_entropy);
    detail::place_rows(whole.mutual_information, n, begin, part.mutual_information);
    whole.without_noise = whole.without_noise && part.without_noise;
  });
  return whole;
}

/// The prediction of given samples: logits (samples * N, H, W, K), all images of the first pass first. Throws
/// ShapeError when the batch does not divide into the samples.
template <class T>
Prediction<T> summarize_samples(const Tensor<T, 4>& logits, Index samples, const PredictionOptions& options = {}) {
  const Shape<4>& shape = logits.shape();
  check(samples >= 1 && shape.n() % samples == 0 && shape.numel() > 0, "summarize_samples", "logits ", shape,
        " do not divide into ", samples, " passes");
  SampleSum<T> sum(options);
  sum.add(logits, shape.n() / samples);
  return sum.finish();
}

}  // namespace paser::uncertainty
#include "paser/core/macros_on.inc"
