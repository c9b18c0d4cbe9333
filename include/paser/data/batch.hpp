#pragma once
#include "paser/core/macros_off.inc"

#include <algorithm>
#include <concepts>
#include <cstdint>
#include <numeric>
#include <span>
#include <vector>

#include "paser/core/random.hpp"
#include "paser/core/rows.hpp"

namespace paser::data {

/// begin .. end - 1, the numbers of consecutive images; none where there are none.
inline std::vector<Index> numbers_from(Index begin, Index end) {
  std::vector<Index> numbers(static_cast<std::size_t>(std::max<Index>(0, end - begin)));
  std::iota(numbers.begin(), numbers.end(), begin);
  return numbers;
}

/// Some images of a data set with their truth.
///
/// A data set has size(), rows(numbers) and range(begin, end); the latter two give such a batch. See Source.
struct Batch {
  Tensor<float, 4> images;         ///< (N, H, W, C) in [0,1]
  Labels labels;                   ///< (N, H, W)
  std::vector<std::uint64_t> ids;  ///< N; see ImageIds
  std::vector<Index> kinds;        ///< N, or empty: which of the set's kinds of corruption an image has

  Index size() const { return images.empty() ? 0 : images.shape().n(); }
};

/// What evaluations take as a data set: its size, and a range of its images with labels and ids.
template <class S>
concept RangeSource = requires(const S& source, Index at) {
  { source.size() } -> std::convertible_to<Index>;
  source.range(at, at).images;
  source.range(at, at).labels;
  source.range(at, at).ids;
};

/// What trainings take: the images of given numbers as well. Optional: rows(numbers, epoch), see epoch_rows.
template <class S>
concept Source = RangeSource<S> && requires(const S& source, std::span<const Index> numbers) {
  source.rows(numbers).images;
  source.rows(numbers).labels;
  source.rows(numbers).ids;
};

/// Ends the compilation with a sentence where S is no data set to train on, or to evaluate.
template <class S>
constexpr void require_source() {
  static_assert(
      Source<S>,
      "a data set to train on has size(), range(first, end) and rows(numbers); the last two give images, labels "
      "and ids");
}
/// Makes the compiler say what a source is, where S is none.
template <class S>
constexpr void require_range_source() {
  static_assert(RangeSource<S>, "a data set has size() and range(first, end), which gives images, labels and ids");
}

/// The images of these numbers for training in an epoch: varied, where the source has rows(numbers, epoch) for that,
/// and as they are where it has not.
template <class S>
auto epoch_rows(const S& source, std::span<const Index> numbers, Index epoch) {
  if constexpr (requires { source.rows(numbers, epoch); })
    return source.rows(numbers, epoch);
  else
    return source.rows(numbers);
}

/// The order in which a training goes through n images: every epoch in an order of its own, `batch` images at a time. A
/// function of the key and the step alone, so that a training that is resumed goes on as if it had not been stopped.
class BatchOrder {
 public:
  /// What becomes of the last batch of an epoch, where it is not full.
  enum class Last {
    smaller,  ///< what is left at an epoch's end is a smaller batch
    dropped   ///< and is left out, unless it is all there is
  };

  /// Throws ValueError unless n >= 1 and batch >= 1.
  BatchOrder(Key key, Index n, Index batch, Last last = Last::smaller) : key_(key), n_(n), batch_(batch) {
    check<ValueError>(n >= 1 && batch >= 1, "BatchOrder", n, " images in batches of ", batch,
                      "; expected at least one image and a batch of one");
    per_epoch_ = last == Last::smaller ? (n + batch - 1) / batch : std::max<Index>(n / batch, 1);
  }

  Index per_epoch() const { return per_epoch_; }               ///< Steps of an epoch.
  Index epoch(Index step) const { return step / per_epoch_; }  ///< The epoch of a step, both from 0.
  /// Whether the step is the first of its epoch.
  bool begins_epoch(Index step) const { return step % per_epoch_ == 0; }
  /// Whether the step is the last of its epoch.
  bool ends_epoch(Index step) const { return (step + 1) % per_epoch_ == 0; }

  /// The numbers of the images of step 0, 1, ...; valid until the next call.
  std::span<const Index> images(Index step) {
    if (order_.empty() || shuffled_ != epoch(step)) {
      shuffled_ = epoch(step);
      order_ = permutation(key_.fold(static_cast<std::uint64_t>(shuffled_)), n_);
    }
    const Index begin = step % per_epoch_ * batch_, end = std::min(n_, begin + batch_);
    return std::span<const Index>(order_).subspan(static_cast<std::size_t>(begin),
                                                  static_cast<std::size_t>(end - begin));
  }

 private:
  Key key_;
  Index n_, batch_, per_epoch_ = 1, shuffled_ = -1;
  std::vector<Index> order_;
};

}  // namespace paser::data
#include "paser/core/macros_on.inc"
