#pragma once
#include "paser/core/macros_off.inc"

#include <memory>
#include <mutex>
#include <vector>

#include "paser/core/tensor.hpp"
#include "paser/kernels/conv2d.hpp"

namespace paser {

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

  /// Bytes of prepared weights.
  std::size_t bytes() const {
    const std::lock_guard lock(mutex_);
    std::size_t sum = 0;
    for (const Entry& e : entries_) sum += e.filter->bytes();
    return sum;
  }

  /// Forgets all weights.
  void clear() {
    const std::lock_guard lock(mutex_);
    entries_.clear();
  }

 private:
  struct Entry {
    Tensor<T, 4> weight;
    ConvAlgorithm algorithm;
    Prepared filter;
  };

  mutable std::mutex mutex_;
  std::vector<Entry> entries_;
};

}  // namespace paser
#include "paser/core/macros_on.inc"
