#pragma once
#include "paser/core/macros_off.inc"

#include "paser/core/memory.hpp"
#include "paser/kernels/conv/algorithm.hpp"

namespace paser::kernels {

/// The weights of one convolution, transformed or packed once for many forward passes where that pays; results have the
/// bits that they have without. It takes 36/9 (tiles of 4x4), 16/9 (2x2) or 1 (direct) times the memory of the weights,
/// with the outputs rounded up to a panel of two packets, or none. Does not notice when the weights change.
template <class T>
class PreparedFilter {
 public:
  /// Nothing is prepared.
  PreparedFilter() = default;

  /// Room for `size` values, for the kernels to fill.
  PreparedFilter(const ConvShape& shape, ConvAlgorithm algorithm, Index size)
      : shape_(shape),
        algorithm_(algorithm),
        size_(static_cast<std::size_t>(size)),
        values_(static_cast<std::size_t>(size)) {}

  T* values() { return values_.data(); }

  /// Bytes that it holds.
  std::size_t bytes() const { return size_ * sizeof(T); }

  /// What was prepared for this algorithm, or null when there is nothing that fits the shape.
  const T* find(const ConvShape& shape, ConvAlgorithm algorithm) const {
    const ConvShape& s = shape_;
    return size_ > 0 && algorithm_ == algorithm && s.c == shape.c && s.k == shape.k && s.r == shape.r &&
                   s.s == shape.s && s.options.groups == shape.options.groups
               ? values_.data()
               : nullptr;
  }

 private:
  ConvShape shape_{};
  ConvAlgorithm algorithm_ = ConvAlgorithm::automatic;
  std::size_t size_ = 0;
  Scratch<T> values_{0};
};

/// True when keeping the prepared weights saves a noticeable part of the time of a forward pass: not with many pixels
/// or tiles for each weight. As measured the kept panels are then faster to read, even from memory, than weights are
/// to prepare.
template <class T>
bool worth_preparing(const ConvShape& shape);

/// The prepared weights for forward passes of this shape, and of shapes for which choose_algorithm says the same;
/// nothing where that does not pay.
template <class T>
PreparedFilter<T> prepare_filter(const ConvShape& shape, const T* weight);

/// The weights that a forward pass reads, (r, s, c / groups, k), and what was prepared of them, if anything.
template <class T>
struct ConvFilter {
  const T* data;
  const PreparedFilter<T>* prepared = nullptr;

  ConvFilter(const T* weight, const PreparedFilter<T>* kept = nullptr) : data(weight), prepared(kept) {}
};

}  // namespace paser::kernels
#include "paser/core/macros_on.inc"
