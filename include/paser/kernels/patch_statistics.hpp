#pragma once
#include "paser/core/macros_off.inc"

#include <cstdint>

#include "paser/core/shape.hpp"

namespace paser::kernels {

/// A batch of maps that is cut into rows x columns patches of one size.
struct PatchMapShape {
  Index images = 0, height = 0, width = 0, classes = 0;
  Index rows = 1, columns = 1;

  Index patches() const { return images * rows * columns; }
};

/// Numbers that patch_statistics writes for a patch of maps of this many classes.
constexpr Index patch_statistics_size(Index classes) {
  return 7 + 4 * classes;
}

/// Means over every patch, image after image, patch_statistics_size(classes) numbers each:
///   0         entropy in nats
///   1         its standard deviation
///   2, 3, 4   share of the pixels whose entropy is above 1/8, 3/8 and 5/8 of ln(classes)
///   5         share of the pairs of neighbours in the patch, beside and below each other, whose labels differ
///   6         entropy of the row of pixels in which it is largest
///   7 + k     share of the pixels of label k; then for each class again:
///             its probability; the entropy of the pixels of label k, summed and over all pixels of the patch;
///             the share of the pixels of label k in the whole image
/// probabilities: (images, height, width, classes); labels, entropy: (images, height, width).
template <class T>
void patch_statistics(const PatchMapShape& s, const T* probabilities, const std::int32_t* labels, const T* entropy,
                      T* statistics);

}  // namespace paser::kernels

#ifndef PASER_COMPILED

#include <algorithm>
#include <cmath>

#include "paser/core/memory.hpp"
#include "paser/core/parallel.hpp"
#include "paser/core/simd.hpp"

namespace paser::kernels {

namespace detail {

/// Sums over a patch, in lanes of their own so that neighbouring pixels are added side by side, in one pass over its
/// rows.
template <class T>
class PatchSums {
 public:
  static constexpr Index lanes = simd::width<T>;

  /// width: pixels of a row of the patch. Entropies are summed as differences to `first`, one of them, so that those
  /// that are alike have a deviation of 0 and not of rounding.
  PatchSums(Index classes, Index width, T first, T* scratch)
      : classes_(classes),
        width_(width),
        first_(first),
        shares_(scratch),
        entropies_(shares_ + classes * lanes),
        probabilities_(entropies_ + classes * lanes),
        labels_(probabilities_ + classes * lanes),
        labels_above_(labels_ + width + lanes) {
    const T most = static_cast<T>(std::log(static_cast<double>(classes)));
    for (Index i = 0; i < 3; ++i) limits_[i] = most * static_cast<T>(2 * i + 1) / 8;
    std::fill_n(scratch, classes * 3 * lanes, T(0));
    // What is read beyond a row's end is of no class, and of none that is read beside or above it.
    for (Index i = 0; i < width + lanes; ++i) {
      labels_[i] = static_cast<T>(-1 - i);
      labels_above_[i] = static_cast<T>(-2 - width - lanes - i);
    }
  }
  static constexpr Index scratch_size(Index classes, Index width) { return classes * 3 * lanes + 2 * (width + lanes); }

  /// The next row of the patch.
  void add_row(const T* p, const std::int32_t* labels, const T* entropy) {
    std::swap(labels_, labels_above_);
    for (Index i = 0; i < width_; ++i) labels_[i] = static_cast<T>(labels[i]);
    add_pixels(entropy);
    add_probabilities(p);
    pairs_ += width_ - 1 + (pixels_ > 0 ? width_ : 0);
    pixels_ += width_;
  }

  void write(T* out) const {
    const double n = static_cast<double>(pixels_), mean = sum_ / n, first = static_cast<double>(first_);
    out[0] = static_cast<T>(first + mean);
    out[1] = static_cast<T>(std::sqrt(std::max(0.0, fold(squares_) / n - mean * mean)));
    for (Index i = 0; i < 3; ++i) out[2 + i] = static_cast<T>(fold(above_[i]) / n);
    out[5] = static_cast<T>((static_cast<double>(pairs_) - fold(alike_lanes_)) /
                            static_cast<double>(std::max<Index>(pairs_, 1)));
    out[6] = static_cast<T>(first + largest_row_);
    for (Index k = 0; k < classes_; ++k) {
      out[7 + k] = static_cast<T>(fold(simd::load(shares_ + k * lanes)) / n);
      double probability = 0;
      for (Index i = 0; i < lanes; ++i) probability += static_cast<double>(probabilities_[i * classes_ + k]);
      out[7 + classes_ + k] = static_cast<T>(probability / n);
      out[7 + 2 * classes_ + k] = static_cast<T>(fold(simd::load(entropies_ + k * lanes)) / n);
    }
  }

 private:
  using Packet = simd::Packet<T>;

  static double fold(const Packet& sums) { return static_cast<double>(simd::sum<T>(sums)); }

  /// Of a row whose labels are in labels_. Sums are kept in locals: what is stored could be taken for a member's
  /// change.
  void add_pixels(const T* entropy) {
    const Packet one = simd::broadcast(T(1)), none = simd::broadcast(T(-0.5)), first = simd::broadcast(first_),
                 limit[3] = {simd::broadcast(limits_[0]), simd::broadcast(limits_[1]), simd::broadcast(limits_[2])};
    Packet row = simd::zero<T>(), squares = squares_, above[3] = {above_[0], above_[1], above_[2]},
           alike = alike_lanes_;
    for (Index x = 0; x < width_; x += lanes) {
      const Packet e = x + lanes <= width_ ? simd::load(entropy + x) : simd::load_partial(entropy + x, width_ - x),
                   label = simd::load(labels_ + x);
      const Packet d = simd::mask_and(simd::less(none, label), simd::sub(e, first));  // 0 beyond the row's end
      row = simd::add(row, d);
      squares = simd::fma(d, d, squares);
      for (Index i = 0; i < 3; ++i) above[i] = simd::add(above[i], simd::mask_and(simd::less(limit[i], e), one));
      alike = simd::add(alike, simd::mask_and(simd::equal(label, simd::load(labels_ + x + 1)), one));
      alike = simd::add(alike, simd::mask_and(simd::equal(label, simd::load(labels_above_ + x)), one));
      for (Index k = 0; k < classes_; ++k) {
        const Packet mine = simd::equal(label, simd::broadcast(static_cast<T>(k)));
        T *const share = shares_ + k * lanes, *const sum = entropies_ + k * lanes;
        simd::store(share, simd::add(simd::load(share), simd::mask_and(mine, one)));
        simd::store(sum, simd::add(simd::load(sum), simd::mask_and(mine, e)));
      }
    }
    squares_ = squares;
    for (Index i = 0; i < 3; ++i) above_[i] = above[i];
    alike_lanes_ = alike;
    const double of_row = fold(row), mean = of_row / static_cast<double>(width_);
    largest_row_ = pixels_ == 0 ? mean : std::max(largest_row_, mean);
    sum_ += of_row;
  }

  void add_probabilities(const T* p) {
    const Index run = lanes * classes_, all = width_ * classes_;
    Index at = 0;
    for (; at + run <= all; at += run)
      for (Index i = 0; i < run; i += lanes)
        simd::store(probabilities_ + i, simd::add(simd::load(probabilities_ + i), simd::load(p + at + i)));
    for (Index i = 0; at + i < all; ++i) probabilities_[i] += p[at + i];
  }

  Index classes_, width_, pixels_ = 0, pairs_ = 0;
  T first_;
  double largest_row_ = 0, sum_ = 0;
  Packet squares_ = simd::zero<T>(), alike_lanes_ = simd::zero<T>();
  Packet above_[3] = {simd::zero<T>(), simd::zero<T>(), simd::zero<T>()};
  T limits_[3];
  T *shares_, *entropies_, *probabilities_, *labels_, *labels_above_;
};

}  // namespace detail

template <class T>
void patch_statistics(const PatchMapShape& s, const T* probabilities, const std::int32_t* labels, const T* entropy,
                      T* statistics) {
  const Index h = s.height / s.rows, w = s.width / s.columns, size = patch_statistics_size(s.classes);
  const Index per_image = s.rows * s.columns, together = std::max<Index>(1, 4096 / std::max<Index>(1, h * w));
  parallel_for(s.patches(), together, [&](Index begin, Index end) {
    Scratch<T> scratch(static_cast<std::size_t>(detail::PatchSums<T>::scratch_size(s.classes, w)));
    for (Index i = begin; i < end; ++i) {
      const Index image = i / per_image, patch = i % per_image;
      const Index first = (image * s.height + patch / s.columns * h) * s.width + patch % s.columns * w;
      detail::PatchSums<T> sums(s.classes, w, entropy[first], scratch.data());
      for (Index y = 0; y < h; ++y) {
        const Index at = first + y * s.width;
        sums.add_row(probabilities + at * s.classes, labels + at, entropy + at);
      }
      sums.write(statistics + i * size);
    }
  });
  for (Index image = 0; image < s.images; ++image)
    for (Index k = 0; k < s.classes; ++k) {
      double sum = 0;
      T* const of_image = statistics + image * per_image * size;
      for (Index patch = 0; patch < per_image; ++patch) sum += static_cast<double>(of_image[patch * size + 7 + k]);
      for (Index patch = 0; patch < per_image; ++patch)
        of_image[patch * size + 7 + 3 * s.classes + k] = static_cast<T>(sum / static_cast<double>(per_image));
    }
}

}  // namespace paser::kernels

#endif
#include "paser/core/macros_on.inc"
