#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <vector>

#include "paser/core/random.hpp"
#include "paser/core/rows.hpp"

namespace paser::data {

/// Some images of a data set with their truth.
///
/// A data set ("source") has size(), rows(numbers) and range(begin, end); the latter two give such a batch.
struct Batch {
  Tensor<float, 4> images;         ///< (N, H, W, C) in [0,1]
  Labels labels;                   ///< (N, H, W)
  std::vector<std::uint64_t> ids;  ///< N; names an image for good, wherever it stands in a batch: for keys of noise
  std::vector<Index> kinds;        ///< N, or empty: which of the set's kinds of corruption an image has

  Index size() const { return images.empty() ? 0 : images.shape().n(); }
};

/// The images of these numbers for training in an epoch: varied, where the source has rows(numbers, epoch) for that,
/// and as they are where it has not.
template <class Source>
auto epoch_rows(const Source& source, std::span<const Index> numbers, Index epoch) {
  if constexpr (requires { source.rows(numbers, epoch); })
    return source.rows(numbers, epoch);
  else
    return source.rows(numbers);
}

/// The batches of one epoch: 0 .. n-1 in an order of this key and epoch, `batch` at a time; the last may be smaller.
/// Throws ValueError unless n >= 0 and batch >= 1.
inline std::vector<std::vector<Index>> epoch_batches(Key key, Index epoch, Index n, Index batch) {
  check<ValueError>(n >= 0 && batch >= 1, "epoch_batches", n, " images in batches of ", batch);
  const auto order = permutation(key.fold(static_cast<std::uint64_t>(epoch)), n);
  std::vector<std::vector<Index>> batches;
  for (Index begin = 0; begin < n; begin += batch)
    batches.emplace_back(order.begin() + begin, order.begin() + std::min(n, begin + batch));
  return batches;
}

namespace detail {

template <class T>
std::vector<T> slice(const std::vector<T>& v, Index begin, Index end) {
  return v.empty() ? v : std::vector<T>(v.begin() + begin, v.begin() + end);
}

}  // namespace detail

/// The batch in consecutive parts of at most `size` images, for steps whose activations would not fit into memory
/// whole. Throws ValueError unless size >= 1.
inline std::vector<Batch> micro_batches(const Batch& batch, Index size) {
  check<ValueError>(size >= 1, "micro_batches", "parts of ", size, " images");
  std::vector<Batch> parts;
  for (Index begin = 0; begin < batch.size(); begin += size) {
    const Index end = std::min(batch.size(), begin + size);
    parts.push_back({slice_rows(batch.images, begin, end), slice_rows(batch.labels, begin, end),
                     detail::slice(batch.ids, begin, end), detail::slice(batch.kinds, begin, end)});
  }
  return parts;
}

}  // namespace paser::data
