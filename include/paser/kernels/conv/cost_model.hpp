#pragma once

#include <array>
#include <type_traits>

#include "paser/kernels/conv/algorithm.hpp"
#include "paser/kernels/conv/direct/plan.hpp"
#include "paser/kernels/conv/winograd/tiles.hpp"

/// The model of time by which the algorithm of a convolution is chosen.
namespace paser::kernels {

namespace detail {

/// The time of an algorithm in multiply-accumulates at the machine's peak: a times those that it makes, b for each
/// pixel or tile and channel that it reads or writes, c for each pair of an input and an output channel, whose weights
/// it packs or transforms.
struct ConvCost {
  double a, b, c;
};

/// Least squares over the layers of the three UNets on patches of 56x64 in batches of 1, 4 and 16, on whole images of
/// 224x256 and on 128 images of 32x32, one thread, AVX2 (benchmarks/winograd_bench.cpp). For direct summation, tiles of
/// 2x2 and tiles of 4x4. On those layers the choice costs 0.2 % of the time of the best algorithm, on average, and at
/// most 17 %; of weight gradients, with more layers of small maps, 0.9 % and at most 22 %. A direct weight gradient
/// counts only the taps that meet data, which on small maps are few.
inline constexpr std::array<ConvCost, 3> forward_cost{{{0.98, 14, 103}, {1.13, 138, 213}, {1.21, 393, 397}}};
inline constexpr std::array<ConvCost, 3> weight_gradient_cost{{{1.16, 0, 64}, {1.28, 128, 173}, {1.34, 427, 336}}};

/// What `cost` says for `cells` pixels or tiles with `products` multiply-accumulates for each pair of channels.
inline double conv_time(const ConvCost& cost, double cells, double products, double c, double k) {
  return cells * (cost.a * products * c * k + cost.b * (c + k)) + cost.c * c * k;
}

template <int Tile>
double winograd_time(const ConvCost& cost, const ConvShape& s) {
  const auto plane = winograd::Plane<Tile>::forward(s);
  return conv_time(cost, static_cast<double>(plane.tiles()), plane.points, static_cast<double>(s.c),
                   static_cast<double>(s.k));
}

/// Products for each pair of channels of one image when no tap is applied to padding.
inline double valid_products(const ConvShape& s) {
  const auto along = [&](std::size_t axis) {
    const auto a = direct::forward_axis(s, axis);
    Index products = 0;
    for (Index t = 0; t < a.taps; ++t) products += a.valid_outputs({0, a.outputs}, t).size();
    return static_cast<double>(products);
  };
  return along(0) * along(1);
}

/// What choose_algorithm decides, and the part of the time that goes into the weights.
struct ConvPlan {
  ConvAlgorithm algorithm;
  double weight_share;
};

inline ConvPlan plan_convolution(const ConvShape& s, ConvDirection direction) {
  const bool sums_pixels = direction == ConvDirection::backward_weight;
  const auto& cost = sums_pixels ? weight_gradient_cost : forward_cost;
  const auto c = static_cast<double>(s.c), k = static_cast<double>(s.k);
  const auto planned = [&](ConvAlgorithm algorithm, std::size_t row, double time) {
    return ConvPlan{algorithm, cost[row].c * c * k / time};
  };
  const auto pixels = static_cast<double>(s.out_h() * s.out_w()), images = static_cast<double>(s.n);
  const double direct = conv_time(cost[0], images * pixels, sums_pixels ? valid_products(s) / pixels : 9, c, k),
               small = winograd_time<2>(cost[1], s), large = winograd_time<4>(cost[2], s);
  ConvAlgorithm algorithm = s.spec.algorithm;
  if (algorithm == ConvAlgorithm::automatic) {
    // Below these numbers of channels most of each packet would be empty.
    const bool fits = winograd::applies(s) && s.c >= 8 && s.k >= (direction == ConvDirection::forward ? 16 : 8) &&
                      s.c * s.k >= (sums_pixels ? 256 : 128);
    algorithm = !fits || (direct <= small && direct <= large) ? ConvAlgorithm::direct
                : small < large                               ? ConvAlgorithm::winograd_2x2
                                                              : ConvAlgorithm::winograd_4x4;
  }
  if (algorithm == ConvAlgorithm::winograd_2x2) return planned(algorithm, 1, small);
  if (algorithm == ConvAlgorithm::winograd_4x4) return planned(algorithm, 2, large);
  return planned(algorithm, 0, direct);
}

}  // namespace detail

template <class T>
ConvAlgorithm algorithm_of(const ConvShape& s, ConvDirection direction) {
  return std::is_same_v<T, float> ? detail::plan_convolution(s, direction).algorithm : ConvAlgorithm::direct;
}

}  // namespace paser::kernels
