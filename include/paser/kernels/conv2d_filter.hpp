#pragma once

#include <type_traits>

#include "paser/kernels/conv2d_algorithm.hpp"

namespace paser::kernels {

/// The weights of one convolution, transformed once for many forward passes where that pays; results have the bits that
/// they have without. It takes 36/9 (tiles of 4x4) or 16/9 (2x2) of the memory of the weights, with the outputs rounded
/// up to a panel of 16 floats on AVX2, or none. Does not notice when the weights change.
template <class T>
class PreparedFilter {
 public:
  /// Nothing is prepared.
  PreparedFilter() = default;

  /// For forward passes of this shape, and of shapes for which choose_algorithm says the same.
  PreparedFilter(const ConvShape& shape, const T* weight) {
    if constexpr (std::is_same_v<T, float>) {
      if (!worth_preparing(shape)) return;
      if (choose_algorithm(shape, ConvDirection::forward) == ConvAlgorithm::winograd_2x2)
        prepare<2>(shape, weight);
      else
        prepare<4>(shape, weight);
    }
  }

  /// Bytes that it holds.
  std::size_t bytes() const { return size_ * sizeof(T); }

  /// The transformed filter for tiles of Tile x Tile, or null when there is none that fits the shape.
  template <int Tile>
  const T* transformed(const ConvShape& shape) const {
    return tile_ == Tile && c_ == shape.c && k_ == shape.k ? values_.data() : nullptr;
  }

  /// True when keeping the transformed weights saves a noticeable part of the time of a forward pass: not with many
  /// tiles for each weight. As measured the kept panels are then faster to read, even from memory, than weights are to
  /// transform.
  static bool worth_preparing(const ConvShape& shape) {
    const auto plan = detail::plan_convolution(shape, ConvDirection::forward);
    return plan.algorithm != ConvAlgorithm::direct && plan.weight_share > 0.05;
  }

 private:
  template <int Tile>
  void prepare(const ConvShape& shape, const T* weight) {
    const auto plane = winograd::Plane<Tile>::forward(shape);
    size_ = static_cast<std::size_t>(winograd::FilterLayout<Tile, T>(plane).size());
    values_ = Scratch<T>(size_);
    winograd::transform_whole_filter(plane, winograd::Filter<T>{weight, false}, values_.data());
    tile_ = Tile;
    c_ = shape.c;
    k_ = shape.k;
  }

  int tile_ = 0;
  Index c_ = 0, k_ = 0;
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
