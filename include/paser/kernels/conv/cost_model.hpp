#pragma once
#include "paser/core/macros_off.inc"

#include <array>

#include "paser/kernels/conv/algorithm.hpp"
#include "paser/kernels/conv/cost_table.hpp"
#include "paser/kernels/conv/direct/plan.hpp"
#include "paser/kernels/conv/winograd/tiles.hpp"

/// The model of time by which the algorithm of a convolution is chosen.
namespace paser::kernels::detail {

/// What an algorithm has to do: multiply-accumulates, pixels or tiles times the channels that are read or written of
/// each, pairs of an input and an output channel.
struct ConvWork {
  double products, values, pairs;
};

inline double conv_time(const ConvCost& cost, const ConvWork& work) {
  return cost.a * work.products + cost.b * work.values + cost.c * work.pairs;
}

/// The work of `cells` pixels or tiles with `products` multiply-accumulates for each pair of channels.
inline ConvWork work_of_cells(const ConvShape& s, double cells, double products) {
  const auto c = static_cast<double>(s.c), k = static_cast<double>(s.k);
  return {cells * products * c * k, cells * (c + k), c * k};
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

/// The work of direct summation, of tiles of 2x2 and of tiles of 4x4. A direct weight gradient counts only the taps
/// that meet data, which on small maps are few, and so does any of dilated taps; tiles of these are of the phases of
/// the images, which are copied.
inline std::array<ConvWork, 3> conv_work(const ConvShape& s, ConvDirection direction) {
  const auto pixels = static_cast<double>(s.out_h() * s.out_w());
  const bool dilated = winograd::splits_into_phases(s);
  const ConvShape plain = dilated ? winograd::phase_shape(s) : s;
  const auto by_tiles = [&](auto plane) {
    ConvWork work = work_of_cells(s, static_cast<double>(plane.tiles()), plane.points);
    if (dilated) work.values += static_cast<double>(s.n) * pixels * static_cast<double>(s.c + s.k);
    return work;
  };
  return {work_of_cells(s, static_cast<double>(s.n) * pixels,
                        dilated || direction == ConvDirection::backward_weight ? valid_products(s) / pixels
                                                                               : static_cast<double>(s.r * s.s)),
          by_tiles(winograd::Plane<2>::forward(plain)), by_tiles(winograd::Plane<4>::forward(plain))};
}

/// False where Winograd's algorithm cannot be used, or has too few channels.
inline bool fits_winograd(const ConvShape& s, ConvDirection direction, const ConvCosts& costs) {
  const bool turned = direction == ConvDirection::backward_input;
  const auto& fewest = costs[static_cast<std::size_t>(direction)].fewest;
  return (winograd::applies(s) || winograd::splits_into_phases(s)) && (turned ? s.k : s.c) >= fewest.read &&
         (turned ? s.c : s.k) >= fewest.written && s.c * s.k >= fewest.pairs;
}

/// What choose_algorithm decides, and the part of the time that goes into the weights.
struct ConvPlan {
  ConvAlgorithm algorithm;
  double weight_share;
};

inline ConvPlan plan_convolution(const ConvShape& s, ConvDirection direction, const ConvCosts& costs = conv_costs()) {
  constexpr ConvAlgorithm algorithms[] = {ConvAlgorithm::direct, ConvAlgorithm::winograd_2x2,
                                          ConvAlgorithm::winograd_4x4};
  const auto& cost = costs[static_cast<std::size_t>(direction)].rows;
  const auto work = conv_work(s, direction);
  const auto time = [&](std::size_t i) { return conv_time(cost[i], work[i]); };
  const auto chosen = [&]() -> std::size_t {
    for (std::size_t i = 0; i < 3; ++i)
      if (s.options.algorithm == algorithms[i]) return i;
    if (!fits_winograd(s, direction, costs)) return 0;
    const std::size_t tiles = time(1) < time(2) ? 1 : 2;
    return time(0) <= time(tiles) ? 0 : tiles;
  }();
  return {algorithms[chosen], cost[chosen].c * work[chosen].pairs / time(chosen)};
}

}  // namespace paser::kernels::detail
#include "paser/core/macros_on.inc"
