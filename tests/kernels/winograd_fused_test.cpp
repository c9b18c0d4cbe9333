#include <catch2/catch.hpp>
#include <cmath>
#include <vector>

#include "kernels/convolutions.hpp"
#include "paser/core/random.hpp"
#include "paser/kernels/conv/winograd/winograd.hpp"
#include "paser/kernels/reference/finish_convolution.hpp"
#include "support/same_bits.hpp"

using namespace paser;
namespace winograd = kernels::winograd;
using kernels::ConvShape;

namespace {

using Array = Tensor<float, 1>;
using Doubles = std::vector<double>;

const TwoSources fused_cases[] = {
    {conv3x3(3, 34, 31, 40, 24), 16},         // in bands of tiles
    {conv3x3(4, 7, 8, 136, 72), 64},          // by panels of outputs
    {conv3x3(2, 45, 47, 64, 80), 0},          // one source
    {conv3x3(5, 34, 31, 16, 21), 8},          // outputs that fill no packet
    {conv3x3(2, 9, 13, 21, 19), 8},           // sources that meet within a packet
    {conv3x3(2, 9, 10, 29, 16, {2, 0}), 5},   // a last packet of the second source
    {conv3x3(1, 5, 600, 16, 16), 8},          // a row of tiles in several segments
    {conv3x3(3, 12, 16, 8, 150, {0, 2}), 0},  // more outputs than are written at a time
};

struct FusedProblem {
  TwoSources c;
  Array a, b, weight, bias, dy, addend;
  Array map_a[3], map_b[3];
  kernels::ChannelMap<float> first, second;

  explicit FusedProblem(const TwoSources& which, float offset = 0)
      : c(which),
        a(uniform<float>(Key{1}, Shape{pixels() * first_channels()}, -1, 1)),
        b(uniform<float>(Key{2}, Shape{pixels() * c.second}, -1, 1)),
        weight(uniform<float>(Key{3}, Shape{c.shape.weight_size()}, -1, 1)),
        bias(uniform<float>(Key{4}, Shape{c.shape.k}, -1 + offset, 1 + offset)),
        dy(uniform<float>(Key{5}, Shape{c.shape.y_size()}, -1, 1)),
        addend(uniform<float>(Key{6}, Shape{addend_images() * c.shape.y_size() / c.shape.n}, -1, 1)),
        map_a{table(7, first_channels(), -1, 1), table(8, first_channels(), 0.5, 2), table(9, first_channels(), -1, 1)},
        map_b{table(10, c.second, -1, 1), table(11, c.second, 0.5, 2), table(12, c.second, -1, 1)},
        first{map_a[0].data(), map_a[1].data(), map_a[2].data(), Activation::relu},
        second{map_b[0].data(), map_b[1].data(), map_b[2].data(), Activation::relu} {}

  Index pixels() const { return c.shape.n * c.shape.h * c.shape.w; }
  Index first_channels() const { return c.shape.c - c.second; }
  Index addend_images() const { return c.shape.n % 2 == 0 ? 2 : 1; }
  Array table(std::uint64_t key, Index channels, double low, double high) const {
    return uniform<float>(Key{key}, Shape{c.shape.n * channels}, low, high);
  }

  /// `maps`: bit 0 for the first source, bit 1 for the second.
  kernels::ConvInput<float> input(int maps) const {
    const kernels::ConvSource<float> x{a.data(), first_channels(), maps & 1 ? &first : nullptr};
    if (c.second == 0) return x;
    return {x, {b.data(), c.second, maps & 2 ? &second : nullptr}};
  }
};

struct Result {
  Array y;
  Doubles mean, variance;
};

/// A limit of the outputs in some of the cases.
float limit(int maps) {
  return maps == 1 ? 0.5f : std::numeric_limits<float>::infinity();
}

template <int Tile>
Result fused(const FusedProblem& p, int maps, bool add, bool relu, bool moments = true) {
  const ConvShape& s = p.c.shape;
  const auto count = static_cast<std::size_t>(moments ? s.n * s.k : 0);
  Result result{Array::full({s.y_size()}, NAN), Doubles(count, NAN), Doubles(count, NAN)};
  winograd::forward<Tile>(s, p.input(maps), winograd::Filter<float>{p.weight.data(), false},
                          kernels::ConvEpilogue<float>{.bias = p.bias.data(),
                                                       .addend = add ? p.addend.data() : nullptr,
                                                       .addend_images = add ? p.addend_images() : 0,
                                                       .relu = relu,
                                                       .highest = limit(maps),
                                                       .mean = moments ? result.mean.data() : nullptr,
                                                       .variance = moments ? result.variance.data() : nullptr},
                          result.y.mutable_data());
  return result;
}

/// Gather, plain convolution, and passes over its result.
template <int Tile>
Array by_steps(const FusedProblem& p, int maps, bool add, bool relu) {
  const ConvShape& s = p.c.shape;
  Scratch<float> gathered(0);
  const float* const x = kernels::plain_input(s, p.input(maps), gathered);
  Array y({s.y_size()});
  winograd::forward<Tile>(s, x, p.weight.data(), p.bias.data(), y.mutable_data());
  kernels::finish_convolution(s,
                              kernels::ConvEpilogue<float>{.addend = add ? p.addend.data() : nullptr,
                                                           .addend_images = add ? p.addend_images() : 0,
                                                           .relu = relu,
                                                           .highest = limit(maps)},
                              y.mutable_data());
  return y;
}

template <int Tile>
void check_fusion(const TwoSources& c) {
  CAPTURE(Tile, c.shape.n, c.shape.h, c.shape.w, c.shape.c, c.shape.k, c.second);
  const FusedProblem p(c);
  for (int maps = 0; maps < 4; ++maps)
    for (const bool extras : {false, true}) {
      const Array expected = by_steps<Tile>(p, maps, extras, extras);
      CHECK(same_bits(fused<Tile>(p, maps, extras, extras).y, expected));
      CHECK(same_bits(fused<Tile>(p, maps, extras, extras, false).y, expected));
    }
  Scratch<float> gathered(0);
  const float* const x = kernels::plain_input(c.shape, p.input(3), gathered);
  Array dw({c.shape.weight_size()}), expected({c.shape.weight_size()});
  winograd::backward_weight<Tile>(c.shape, p.input(3), p.dy.data(), dw.mutable_data());
  winograd::backward_weight<Tile>(c.shape, x, p.dy.data(), expected.mutable_data());
  CHECK(same_bits(dw, expected));
}

/// The moments of the y that was written, in double and two passes.
template <int Tile>
void check_moments(const TwoSources& c, float offset, double tolerance) {
  CAPTURE(Tile, c.shape.n, c.shape.h, c.shape.w, c.shape.c, c.shape.k, offset);
  const FusedProblem p(c, offset);
  const ConvShape& s = c.shape;
  const Result result = fused<Tile>(p, 3, true, false);
  const Index pixels = s.out_h() * s.out_w();
  double worst_mean = 0, worst_variance = 0;
  for (Index n = 0; n < s.n; ++n)
    for (Index k = 0; k < s.k; ++k) {
      const auto y = [&](Index pixel) { return static_cast<double>(result.y((n * pixels + pixel) * s.k + k)); };
      double sum = 0, squares = 0;
      for (Index i = 0; i < pixels; ++i) sum += y(i);
      const double mean = sum / static_cast<double>(pixels);
      for (Index i = 0; i < pixels; ++i) squares += (y(i) - mean) * (y(i) - mean);
      const double variance = squares / static_cast<double>(pixels);
      const auto at = static_cast<std::size_t>(n * s.k + k);
      worst_mean = std::max(worst_mean, std::abs(result.mean[at] - mean) / std::sqrt(variance));
      worst_variance = std::max(worst_variance, std::abs(result.variance[at] - variance) / variance);
    }
  CHECK(worst_mean < tolerance);
  CHECK(worst_variance < tolerance);
}

}  // namespace

TEST_CASE("Winograd reads and finishes with the bits of separate passes") {
  for (const TwoSources& c : fused_cases) {
    check_fusion<2>(c);
    check_fusion<4>(c);
  }
}

TEST_CASE("Winograd takes the moments of what it writes, also when the mean is a thousand times the spread") {
  for (const TwoSources& c : fused_cases) {
    check_moments<2>(c, 0, 1e-6);
    check_moments<4>(c, 0, 1e-6);
    check_moments<4>(c, 10000, 1e-6);
  }
}

TEST_CASE("Winograd's moments have the same bits for any number of threads") {
  for (const TwoSources& c : fused_cases) {
    const FusedProblem p(c);
    set_threads(1);
    const Result expected = fused<4>(p, 3, true, true);
    for (const int threads : {2, 3, 4}) {
      set_threads(threads);
      const Result got = fused<4>(p, 3, true, true);
      CHECK(same_bits(got.y, expected.y));
      CHECK(got.mean == expected.mean);
      CHECK(got.variance == expected.variance);
    }
    set_threads(0);
  }
}
