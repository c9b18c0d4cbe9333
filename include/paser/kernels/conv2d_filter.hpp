#pragma once

#include <type_traits>

#include "paser/kernels/conv2d_algorithm.hpp"
#include "paser/kernels/conv2d_direct_forward.hpp"
#include "paser/kernels/depthwise.hpp"

namespace paser::kernels {

/// The weights of one convolution, transformed or packed once for many forward passes where that pays; results have the
/// bits that they have without. It takes 36/9 (tiles of 4x4), 16/9 (2x2) or 1 (direct) times the memory of the weights,
/// with the outputs rounded up to a panel of 16 floats on AVX2, or none. Does not notice when the weights change.
template <class T>
class PreparedFilter {
 public:
  /// Nothing is prepared.
  PreparedFilter() = default;

  /// For forward passes of this shape, and of shapes for which choose_algorithm says the same.
  PreparedFilter(const ConvShape& shape, const T* weight) {
    if (!worth_preparing(shape)) return;
    shape_ = shape;
    algorithm_ = algorithm_of<T>(shape, ConvDirection::forward);
    if (algorithm_ == ConvAlgorithm::direct) {
      pack(direct::forward_problem(shape, weight));
    } else if constexpr (std::is_same_v<T, float>) {
      if (algorithm_ == ConvAlgorithm::winograd_2x2)
        transform<2>(weight);
      else
        transform<4>(weight);
    }
  }

  /// Bytes that it holds.
  std::size_t bytes() const { return size_ * sizeof(T); }

  /// The transformed filter for tiles of Tile x Tile, or null when there is none that fits the shape.
  template <int Tile>
  const T* transformed(const ConvShape& shape) const {
    return fits(shape, Tile == 2 ? ConvAlgorithm::winograd_2x2 : ConvAlgorithm::winograd_4x4);
  }

  /// The packed filter for direct summation, or null when there is none that fits the shape.
  const T* packed(const ConvShape& shape) const { return fits(shape, ConvAlgorithm::direct); }

  /// True when keeping the prepared weights saves a noticeable part of the time of a forward pass: not with many pixels
  /// or tiles for each weight. As measured the kept panels are then faster to read, even from memory, than weights are
  /// to prepare.
  static bool worth_preparing(const ConvShape& shape) {
    const auto plan = detail::plan_convolution(shape, ConvDirection::forward);
    if (plan.weight_share <= 0.05) return false;
    return algorithm_of<T>(shape, ConvDirection::forward) != ConvAlgorithm::direct ||
           (!depthwise::applies(shape) && direct::keeps_packed<T>(shape));
  }

 private:
  const T* fits(const ConvShape& shape, ConvAlgorithm algorithm) const {
    const ConvShape& s = shape_;
    return size_ > 0 && algorithm_ == algorithm && s.c == shape.c && s.k == shape.k && s.r == shape.r &&
                   s.s == shape.s && s.spec.groups == shape.spec.groups
               ? values_.data()
               : nullptr;
  }

  void allocate(Index size) {
    size_ = static_cast<std::size_t>(size);
    values_ = Scratch<T>(size_);
  }

  void pack(const direct::Problem<T>& p) {
    const direct::Blocking<T> b(p);
    allocate(p.groups * b.blocks * b.block_size());
    direct::pack_filter(p, b, values_.data());
  }

  template <int Tile>
  void transform(const T* weight) {
    const auto plane = winograd::Plane<Tile>::forward(shape_);
    allocate(winograd::FilterLayout<Tile, T>(plane).size());
    winograd::transform_whole_filter(plane, winograd::Filter<T>{weight, false}, values_.data());
  }

  ConvShape shape_{};
  ConvAlgorithm algorithm_ = ConvAlgorithm::automatic;
  std::size_t size_ = 0;
  Scratch<T> values_{0};
};

/// The weights that a forward pass reads, (r, s, c / groups, k), and what was prepared of them, if anything.
template <class T>
struct ConvFilter {
  const T* data;
  const PreparedFilter<T>* prepared = nullptr;

  ConvFilter(const T* weight, const PreparedFilter<T>* kept = nullptr) : data(weight), prepared(kept) {}
};

}  // namespace paser::kernels
