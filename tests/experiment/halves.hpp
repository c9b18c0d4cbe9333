#pragma once

#include "paser/core/random.hpp"
#include "paser/data/batch.hpp"

namespace tiny {

using namespace paser;

/// Dark images of 8 x 8 with a bright half; `first` is the number of image 0.
struct Halves {
  Index first = 0, count = 0;

  Index size() const { return count; }
  data::Batch rows(std::span<const Index> numbers) const {
    const auto n = static_cast<Index>(numbers.size());
    data::Batch batch{Tensor<float, 4>({n, 8, 8, 1}), Labels({n, 8, 8}), {}, {}};
    for (Index i = 0; i < n; ++i) {
      const Key key = Key{7}.fold(static_cast<std::uint64_t>(first + numbers[static_cast<std::size_t>(i)]));
      for (Index p = 0; p < 64; ++p) {
        const bool bright = (key.uniform(100) < 0.5 ? p / 8 : p % 8) < 4;
        batch.labels.mutable_data()[i * 64 + p] = bright;
        batch.images.mutable_data()[i * 64 + p] =
            static_cast<float>(0.6 * bright + 0.4 * key.uniform(static_cast<std::uint64_t>(p)));
      }
      batch.ids.push_back(static_cast<std::uint64_t>(first + numbers[static_cast<std::size_t>(i)]));
    }
    return batch;
  }
  data::Batch range(Index begin, Index end) const { return rows(data::numbers_from(begin, end)); }
};

}  // namespace tiny
