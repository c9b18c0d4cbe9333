#pragma once

#include <utility>

#include "paser/core/rows.hpp"
#include "paser/kernels/elementwise.hpp"
#include "paser/ops/argmax_channels.hpp"
#include "paser/ops/softmax.hpp"
#include "paser/uncertainty/entropy.hpp"

namespace paser::uncertainty {

/// How passes are put together.
struct BeliefSpec {
  double epsilon = probability_epsilon;  ///< see entropy()
  bool decompose = false;                ///< split the entropy into its aleatoric and its epistemic part
};

/// What the passes of MC dropout say about a batch of images (Gal & Ghahramani 2016).
template <class T>
struct Belief {
  Tensor<T, 4> mean;        ///< mean class probabilities, (N, H, W, K)
  Tensor<T, 4> first_pass;  ///< the class probabilities of the first pass alone, (N, H, W, K)
  Labels labels;            ///< the most probable class of the mean, ties to the lowest, (N, H, W)
  Tensor<T, 3> entropy;     ///< of the mean, in nats: total uncertainty, (N, H, W)

  /// Only with BeliefSpec::decompose: mean entropy of the passes (aleatoric), and what remains of the entropy, the
  /// mutual information of label and weights (epistemic), both in nats.
  Tensor<T, 3> expected_entropy, mutual_information;

  /// Several passes, all of them equal in every bit: the model has no active dropout. Worth a warning.
  bool without_noise = false;

  /// What the policy sees: (N, H, W, 2), the label as a number and the entropy.
  Tensor<T, 4> observation() const {
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

namespace detail {

/// Sums up the passes as they come.
template <class T>
class Passes {
 public:
  explicit Passes(const BeliefSpec& spec) : spec_(spec) {}

  /// logits: (passes * N, H, W, K).
  void add(const Tensor<T, 4>& logits, Index images) {
    const Index passes = logits.shape().n() / images, size = logits.numel() / passes;
    const Tensor<T, 4> all = softmax(logits);
    const Index first = count_ == 0 ? 1 : 0;
    if (first == 1) belief_.mean = belief_.first_pass = slice_rows(all, 0, images);
    for (Index pass = first; pass < passes && same_; ++pass)
      same_ = std::equal(all.data() + pass * size, all.data() + (pass + 1) * size, belief_.first_pass.data());
    for (Index pass = first; pass < passes; ++pass)
      kernels::accumulate(size, all.data() + pass * size, belief_.mean.mutable_data());
    count_ += static_cast<int>(passes);
    if (spec_.decompose)
      for (Index pass = 0; pass < passes; ++pass)
        add_to(belief_.expected_entropy, entropy(slice_rows(all, pass * images, (pass + 1) * images), spec_.epsilon));
  }

  Belief<T> finish() {
    divide(belief_.mean);
    belief_.labels = argmax_channels(belief_.mean);
    belief_.entropy = entropy(belief_.mean, spec_.epsilon);
    belief_.without_noise = count_ > 1 && same_;
    if (spec_.decompose) {
      divide(belief_.expected_entropy);
      auto& rest = belief_.mutual_information = Tensor<T, 3>(belief_.entropy.shape());
      T* const out = rest.mutable_data();
      for (Index i = 0; i < rest.numel(); ++i)
        out[i] = std::max(belief_.entropy.data()[i] - belief_.expected_entropy.data()[i], T(0));
    }
    return std::move(belief_);
  }

 private:
  static void add_to(Tensor<T, 3>& sum, const Tensor<T, 3>& x) {
    if (sum.empty()) {
      sum = x;
    } else {
      kernels::accumulate(x.numel(), x.data(), sum.mutable_data());
    }
  }
  template <int Rank>
  void divide(Tensor<T, Rank>& sum) const {
    T* const s = sum.mutable_data();
    if (count_ > 1) kernels::scale(sum.numel(), static_cast<T>(1.0 / count_), s, s);
  }

  BeliefSpec spec_;
  Belief<T> belief_;
  int count_ = 0;
  bool same_ = true;
};

}  // namespace detail

/// The belief of given passes: logits (samples * N, H, W, K), all images of the first pass first. Throws ShapeError
/// when the batch does not divide into the samples.
template <class T>
Belief<T> belief_of(const Tensor<T, 4>& logits, Index samples, const BeliefSpec& spec = {}) {
  const Shape<4>& shape = logits.shape();
  check(samples >= 1 && shape.n() % samples == 0 && shape.numel() > 0, "belief_of", "logits ", shape,
        " do not divide into ", samples, " passes");
  detail::Passes<T> passes(spec);
  passes.add(logits, shape.n() / samples);
  return passes.finish();
}

}  // namespace paser::uncertainty
