#pragma once
#include "paser/core/macros_off.inc"

#include "paser/data/augment.hpp"
#include "paser/data/batch.hpp"

namespace paser::data {

/// A data set whose images are moved against the grid of patches in every epoch, by 0 .. most - 1 rows and columns, so
/// that a network that is trained on patches sees other cuts of the image each time. What comes in at the border is the
/// image mirrored. Images as they are, for validation, stay where they are. The set must outlive this.
template <Source S>
class Shifted {
 public:
  /// most: rows and columns of a patch, mostly. Throws ValueError unless they are positive.
  Shifted(const S& source, Index most_rows, Index most_columns, Key key)
      : source_(&source), rows_(most_rows), columns_(most_columns), key_(key) {
    check<ValueError>(rows_ >= 1 && columns_ >= 1, "Shifted", "shifts below ", rows_, " rows and ", columns_,
                      " columns, expected 1 or more");
  }

  Index size() const { return source_->size(); }
  auto rows(std::span<const Index> numbers) const { return source_->rows(numbers); }
  auto range(Index begin, Index end) const { return source_->range(begin, end); }

  /// Image of id n by a shift that depends on the key, the epoch and n alone.
  auto rows(std::span<const Index> numbers, Index epoch) const {
    auto batch = epoch_rows(*source_, numbers, epoch);
    const Key key = key_.fold(static_cast<std::uint64_t>(epoch));
    const auto images = batch.images;
    const auto labels = batch.labels;
    for (std::size_t i = 0; i < numbers.size(); ++i) {
      const Key draw = key.fold(batch.ids[i]);
      const Index down = draw.uniform_int(0, rows_), right = draw.uniform_int(1, columns_);
      const Index h = labels.shape()[1], w = labels.shape()[2];
      move(images.data(), batch.images.mutable_data(), static_cast<Index>(i), h, w, images.shape().c(), down, right);
      move(labels.data(), batch.labels.mutable_data(), static_cast<Index>(i), h, w, 1, down, right);
    }
    return batch;
  }

 private:
  /// Pixel (y, x) of the result is pixel (y + down, x + right) of the image.
  template <class T>
  static void move(const T* from, T* to, Index image, Index h, Index w, Index channels, Index down, Index right) {
    from += image * h * w * channels;
    to += image * h * w * channels;
    for (Index y = 0; y < h; ++y) {
      const T* const row = from + mirrored(y + down, h) * w * channels;
      const Index inside = std::max<Index>(w - right, 0);
      to = std::copy_n(row + std::min(right, w) * channels, inside * channels, to);
      for (Index x = inside; x < w; ++x) to = std::copy_n(row + mirrored(x + right, w) * channels, channels, to);
    }
  }

  const S* source_;
  Index rows_, columns_;
  Key key_;
};

}  // namespace paser::data
#include "paser/core/macros_on.inc"
