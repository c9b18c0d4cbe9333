#pragma once
#include "paser/core/macros_off.inc"

#include <algorithm>
#include <array>
#include <memory>
#include <mutex>
#include <vector>

#include "paser/core/tensor.hpp"
#include "paser/kernels/conv2d.hpp"

namespace paser {

/// A convolution's weights with a batch norm in them.
template <class T>
struct FoldedConv {
  Tensor<T, 4> weight;  ///< (R, S, C / groups, K)
  Tensor<T, 1> bias;    ///< (K)
};

/// The transformed or packed weights of the convolutions of a model, kept for its inference runs. It never gives a
/// wrong answer: it holds on to the weights that it has prepared, so a model that is trained on gets buffers of its own
/// and its convolutions are prepared anew. What belongs to weights that nobody else holds is dropped when something is
/// added. Thread safe.
template <class T>
class FilterCache {
 public:
  using Prepared = std::shared_ptr<const kernels::PreparedFilter<T>>;  ///< Weights as the kernels read them.

  /// The prepared filter of a convolution, made on first use; null where none pays. Weight: (R, S, C / groups, K).
  Prepared prepared(const kernels::ConvShape& shape, const Tensor<T, 4>& weight) {
    if (!kernels::worth_preparing<T>(shape)) return nullptr;
    const auto algorithm = kernels::algorithm_of<T>(shape, kernels::ConvDirection::forward);
    const auto find = [&]() -> Prepared {
      for (const Entry& e : entries_)
        if (e.weight.data() == weight.data() && e.algorithm == algorithm) return e.filter;
      return nullptr;
    };
    {
      const std::lock_guard lock(mutex_);
      if (auto found = find()) return found;
    }
    auto made = std::make_shared<const kernels::PreparedFilter<T>>(kernels::prepare_filter(shape, weight.data()));
    const std::lock_guard lock(mutex_);
    if (auto found = find()) return found;
    std::erase_if(entries_, [](const Entry& e) { return e.weight.is_unique(); });
    entries_.push_back({weight, algorithm, made});
    return made;
  }

  /// The weights with a norm in them: what `fold()` gives, made on first use. `vectors` are what it computes them from
  /// beside `weight` and `eps`: bias, which may be empty, gamma, beta, mean and variance.
  template <class Fold>
  FoldedConv<T> folded(const Tensor<T, 4>& weight, const std::array<Tensor<T, 1>, 5>& vectors, double eps,
                       const Fold& fold) {
    const auto find = [&]() -> const FoldedEntry* {
      for (const FoldedEntry& e : folded_)
        if (e.is_of(weight, vectors, eps)) return &e;
      return nullptr;
    };
    {
      const std::lock_guard lock(mutex_);
      if (const auto* found = find()) return found->result;
    }
    FoldedConv<T> made = fold();
    const std::lock_guard lock(mutex_);
    if (const auto* found = find()) return found->result;
    std::erase_if(folded_, [](const FoldedEntry& e) { return e.is_forgotten(); });
    folded_.push_back({weight, vectors, eps, made});
    return made;
  }

  /// Bytes of prepared and folded weights.
  std::size_t bytes() const {
    const std::lock_guard lock(mutex_);
    std::size_t sum = 0;
    for (const Entry& e : entries_) sum += e.filter->bytes();
    for (const FoldedEntry& e : folded_)
      sum += static_cast<std::size_t>(e.result.weight.numel() + e.result.bias.numel()) * sizeof(T);
    return sum;
  }

  /// Forgets all weights.
  void clear() {
    const std::lock_guard lock(mutex_);
    entries_.clear();
    folded_.clear();
  }

 private:
  struct Entry {
    Tensor<T, 4> weight;
    ConvAlgorithm algorithm;
    Prepared filter;
  };
  struct FoldedEntry {
    Tensor<T, 4> weight;
    std::array<Tensor<T, 1>, 5> vectors;
    double eps;
    FoldedConv<T> result;

    bool is_of(const Tensor<T, 4>& w, const std::array<Tensor<T, 1>, 5>& v, double e) const {
      const auto same = [](const Tensor<T, 1>& a, const Tensor<T, 1>& b) { return a.data() == b.data(); };
      return weight.data() == w.data() && weight.shape() == w.shape() && eps == e &&
             std::equal(vectors.begin(), vectors.end(), v.begin(), same);
    }
    /// Nobody else holds some of what it was made of. The weight alone may be an Entry's too.
    bool is_forgotten() const {
      return weight.is_unique() || std::any_of(vectors.begin(), vectors.end(),
                                               [](const Tensor<T, 1>& v) { return !v.empty() && v.is_unique(); });
    }
  };

  mutable std::mutex mutex_;
  std::vector<Entry> entries_;
  std::vector<FoldedEntry> folded_;
};

}  // namespace paser
#include "paser/core/macros_on.inc"
