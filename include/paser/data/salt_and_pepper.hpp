#pragma once
#include "paser/core/macros_off.inc"

#include "paser/data/batch.hpp"

namespace paser::data {

/// Salt and pepper: every pixel, all its channels, becomes 0 or 1 with probability `share`, each with half of it; the
/// noise of image n depends on key.fold(ids[n]) alone. images: (N, H, W, C). The paper's R3 has a share of 1 %.
/// Throws ValueError unless 0 <= share <= 1.
template <class T>
void add_salt_and_pepper(Tensor<T, 4>& images, const std::vector<std::uint64_t>& ids, double share, Key key) {
  check<ValueError>(share >= 0 && share <= 1, "add_salt_and_pepper", "the share ", share, " is not in [0,1]");
  const auto& shape = images.shape();
  check(static_cast<Index>(ids.size()) == shape.n(), "add_salt_and_pepper", shape.n(), " images, ", ids.size(), " ids");
  const Index pixels = shape.h() * shape.w(), channels = shape.c();
  T* const out = images.mutable_data();
  for (Index n = 0; n < shape.n(); ++n) {
    const Key noise = key.fold(ids[static_cast<std::size_t>(n)]);
    for (Index p = 0; p < pixels; ++p) {
      const double u = noise.uniform(static_cast<std::uint64_t>(p));
      if (u >= share) continue;
      std::fill_n(out + (n * pixels + p) * channels, channels, u < share / 2 ? T(0) : T(1));
    }
  }
}

/// Which images of a set a SaltAndPepper serves.
enum class NoisyImages {
  only,             ///< every image with noise
  beside_originals  ///< every image twice: 0 .. n-1 as they are, n .. 2n-1 with noise
};

/// A data set with salt and pepper on its images. Source: size(), rows(numbers), and where it varies its images by
/// epoch rows(numbers, epoch). The set must outlive this.
template <class Source>
class SaltAndPepper {
 public:
  SaltAndPepper(const Source& source, double share, Key key, NoisyImages which = NoisyImages::only)
      : source_(&source), share_(share), key_(key), which_(which) {}

  Index size() const { return which_ == NoisyImages::only ? source_->size() : 2 * source_->size(); }

  Batch rows(std::span<const Index> numbers) const { return noisy(source_->rows(originals(numbers)), numbers, key_); }
  /// Varied images; the noise changes with the epoch.
  Batch rows(std::span<const Index> numbers, Index epoch) const {
    return noisy(epoch_rows(*source_, std::span<const Index>(originals(numbers)), epoch), numbers,
                 key_.fold(static_cast<std::uint64_t>(epoch)));
  }
  Batch range(Index begin, Index end) const { return rows(numbers_from(begin, end)); }

 private:
  bool has_noise(Index i) const { return which_ == NoisyImages::only || i >= source_->size(); }

  std::vector<Index> originals(std::span<const Index> numbers) const {
    std::vector<Index> result;
    for (const Index i : numbers) result.push_back(i < source_->size() ? i : i - source_->size());
    return result;
  }

  Batch noisy(Batch batch, std::span<const Index> numbers, Key key) const {
    for (std::size_t i = 0; i < numbers.size(); ++i) {
      if (!has_noise(numbers[i])) continue;
      const auto row = static_cast<Index>(i);
      Tensor<float, 4> one = slice_rows(batch.images, row, row + 1);
      add_salt_and_pepper(one, {batch.ids[i]}, share_, key);
      std::copy_n(one.data(), one.numel(), batch.images.mutable_data() + row * one.numel());
    }
    return batch;
  }

  const Source* source_;
  double share_;
  Key key_;
  NoisyImages which_;
};

}  // namespace paser::data
#include "paser/core/macros_on.inc"
