#pragma once
#include "paser/core/macros_off.inc"

#include <cmath>
#include <vector>

#include "paser/core/finite.hpp"
#include "paser/core/random.hpp"

namespace paser::rl {

/// The model that each patch of each image is sent to: (B, P), values 0 .. M-1.
using Actions = Tensor<std::int32_t, 2>;

namespace detail {

/// Softmax and log-softmax of one row, in double.
struct RowDistribution {
  std::vector<double> p, log_p;

  template <class T>
  RowDistribution(const T* logits, Index n) : p(static_cast<std::size_t>(n)), log_p(p.size()) {
    double largest = static_cast<double>(logits[0]), sum = 0;
    for (std::size_t k = 0; k < p.size(); ++k) largest = std::max(largest, static_cast<double>(logits[k]));
    for (std::size_t k = 0; k < p.size(); ++k) sum += std::exp(static_cast<double>(logits[k]) - largest);
    const double log_sum = std::log(sum);
    for (std::size_t k = 0; k < p.size(); ++k) {
      log_p[k] = static_cast<double>(logits[k]) - largest - log_sum;
      p[k] = std::exp(log_p[k]);
    }
  }

  /// In nats, never below 0; a class of probability 0 adds nothing.
  double entropy() const {
    double h = 0;
    for (std::size_t k = 0; k < p.size(); ++k)
      if (p[k] > 0) h -= p[k] * log_p[k];
    return std::max(h, 0.0);
  }
};

}  // namespace detail

/// Throws ShapeError unless actions are (B, P), ValueError on an action outside 0 .. models - 1.
inline void check_actions(const char* where, const Actions& actions, Index batch, Index patches, Index models) {
  check(actions.shape() == Shape<2>{batch, patches}, where, "actions ", actions.shape(), ", expected (", batch, ",",
        patches, ")");
  for (Index i = 0; i < actions.numel(); ++i)
    check<ValueError>(actions.data()[i] >= 0 && actions.data()[i] < models, where, "action ", actions.data()[i],
                      " at patch ", i, ", there are ", models, " models");
}

/// One categorical distribution over M models for every patch: what a policy says about a batch.
template <class T>
class Categorical {
 public:
  /// logits: (B, P, M). Throws NotFiniteError when a row has no finite softmax.
  explicit Categorical(const Tensor<T, 3>& logits)
      : probabilities_(logits.shape()), log_probabilities_(logits.shape()) {
    check(models() >= 1, "Categorical", "no models to choose from in logits ", logits.shape());
    T *const p = probabilities_.mutable_data(), *const log_p = log_probabilities_.mutable_data();
    for (Index row = 0; row < rows(); ++row) {
      const detail::RowDistribution d(logits.data() + row * models(), models());
      for (Index k = 0; k < models(); ++k) {
        check<NotFiniteError>(is_finite(d.p[static_cast<std::size_t>(k)]), "Categorical", "the logits of patch ", row,
                              " are not numbers");
        p[row * models() + k] = static_cast<T>(d.p[static_cast<std::size_t>(k)]);
        log_p[row * models() + k] = static_cast<T>(d.log_p[static_cast<std::size_t>(k)]);
      }
    }
  }

  /// A policy's output: logits (B, patches * models), patch-major.
  Categorical(const Tensor<T, 2>& logits, Index patches) : Categorical(by_patch(logits, patches)) {}

  /// From probabilities (B, P, M), each row divided by its sum. Throws ValueError on a negative one, NotFiniteError on
  /// a row of zeros.
  static Categorical of_probabilities(const Tensor<T, 3>& probabilities) {
    Tensor<T, 3> logits(probabilities.shape());
    T* const out = logits.mutable_data();
    for (Index i = 0; i < logits.numel(); ++i) {
      const T p = probabilities.data()[i];
      check<ValueError>(p >= 0, "Categorical", "a probability must not be negative, got ", p);
      out[i] = std::log(p);
    }
    return Categorical(logits);
  }

  Index batch() const { return probabilities_.shape()[0]; }    ///< Images.
  Index patches() const { return probabilities_.shape()[1]; }  ///< Patches of each image.
  Index models() const { return probabilities_.shape()[2]; }   ///< Actions of each patch.

  /// (B, P, M).
  const Tensor<T, 3>& probabilities() const { return probabilities_; }

  /// log pi(action), (B, P). Throws ValueError on an action out of range.
  Tensor<T, 2> log_prob(const Actions& actions) const {
    check_actions("Categorical::log_prob", actions, batch(), patches(), models());
    return per_patch([&](Index row) { return log_probabilities_.data()[row * models() + actions.data()[row]]; });
  }

  /// In nats, (B, P).
  Tensor<T, 2> entropy() const {
    return per_patch([&](Index row) {
      return static_cast<T>(
          paser::rl::detail::RowDistribution(log_probabilities_.data() + row * models(), models()).entropy());
    });
  }

  /// Draw i of the key decides patch i of the batch. A model of probability 0 is never drawn.
  Actions sample(Key key) const {
    return choose([&](Index row, const T* p) { return draw(p, key.uniform(static_cast<std::uint64_t>(row))); });
  }

  /// The same with draws that depend on an image's number and not on its place in the batch: draw p of key.fold(ids[n])
  /// decides patch p of image n. Throws ShapeError unless there is a number for each image.
  Actions sample(Key key, const std::vector<std::uint64_t>& ids) const {
    check(static_cast<Index>(ids.size()) == batch(), "Categorical::sample", ids.size(), " ids for ", batch(),
          " images");
    return choose([&](Index row, const T* p) {
      const Key of_image = key.fold(ids[static_cast<std::size_t>(row / patches())]);
      return draw(p, of_image.uniform(static_cast<std::uint64_t>(row % patches())));
    });
  }

  /// The most probable model of every patch; ties go to the lowest.
  Actions argmax() const {
    return choose([&](Index, const T* p) {
      Index best = 0;
      for (Index k = 1; k < models(); ++k)
        if (p[k] > p[best]) best = k;
      return best;
    });
  }

 private:
  Index rows() const { return batch() * patches(); }

  static Tensor<T, 3> by_patch(const Tensor<T, 2>& logits, Index patches) {
    check(patches >= 1 && logits.shape()[1] % patches == 0, "Categorical", "logits ", logits.shape(),
          " do not split into ", patches, " patches");
    return logits.reshape(Shape<3>{logits.shape()[0], patches, logits.shape()[1] / patches});
  }

  template <class F>
  Tensor<T, 2> per_patch(const F& f) const {
    Tensor<T, 2> result({batch(), patches()});
    T* const out = result.mutable_data();
    for (Index row = 0; row < rows(); ++row) out[row] = f(row);
    return result;
  }

  /// The model on which u of [0,1) falls.
  Index draw(const T* p, double u) const {
    double total = 0, sum = 0;
    for (Index k = 0; k < models(); ++k) total += static_cast<double>(p[k]);
    Index action = 0;
    for (; action < models() - 1; ++action) {
      sum += static_cast<double>(p[action]);
      if (u * total < sum) break;
    }
    while (action > 0 && p[action] == 0) --action;
    return action;
  }

  template <class F>
  Actions choose(const F& f) const {
    Actions actions({batch(), patches()});
    std::int32_t* const out = actions.mutable_data();
    for (Index row = 0; row < rows(); ++row)
      out[row] = static_cast<std::int32_t>(f(row, probabilities_.data() + row * models()));
    return actions;
  }

  Tensor<T, 3> probabilities_, log_probabilities_;
};

}  // namespace paser::rl
#include "paser/core/macros_on.inc"
