#include <catch2/catch.hpp>
#include <vector>

#include "kernels/convolutions.hpp"
#include "paser/kernels/conv/direct/forward.hpp"
#include "paser/kernels/conv/direct/weight_gradient.hpp"
#include "paser/kernels/reference/finish_convolution.hpp"
#include "support/random_values.hpp"
#include "support/same_bits.hpp"

using namespace paser;
using kernels::ConvShape;

namespace {

/// Two sources of a shape's channels, each with or without a map.
template <class T>
struct Operands {
  std::vector<T> a, b, weight, bias, addend, dy, shift, scale, offset;
  kernels::ChannelMap<T> map_a, map_b;

  Operands(const ConvShape& s, Index second, Index addends)
      : a(random_values<T>(Key{1}, s.x_size() / s.c * (s.c - second))),
        b(random_values<T>(Key{2}, s.x_size() / s.c * second)),
        weight(random_values<T>(Key{3}, s.weight_size())),
        bias(random_values<T>(Key{4}, s.k, 5, 6)),
        addend(random_values<T>(Key{5}, s.y_size() / s.n * addends)),
        dy(random_values<T>(Key{6}, s.y_size())),
        shift(random_values<T>(Key{7}, s.n * s.c)),
        scale(random_values<T>(Key{8}, s.n * s.c, 0.5, 2)),
        offset(random_values<T>(Key{9}, s.n * s.c)) {
    const Index split = s.n * (s.c - second);
    map_a = {shift.data(), scale.data(), offset.data(), Activation::relu};
    map_b = {shift.data() + split, scale.data() + split, offset.data() + split, Activation::relu};
  }

  kernels::ConvInput<T> input(const ConvShape& s, Index second, bool map_first, bool map_second) const {
    const kernels::ConvSource<T> first{a.data(), s.c - second, map_first ? &map_a : nullptr};
    if (second == 0) return first;
    return {first, {b.data(), second, map_second ? &map_b : nullptr}};
  }
};

/// What one convolution and its weight gradient give.
template <class T>
struct Results {
  std::vector<T> y, dw;
  std::vector<double> mean, variance;

  explicit Results(const ConvShape& s)
      : y(static_cast<std::size_t>(s.y_size()), std::numeric_limits<T>::quiet_NaN()),
        dw(static_cast<std::size_t>(s.weight_size()), std::numeric_limits<T>::quiet_NaN()),
        mean(static_cast<std::size_t>(s.n * s.k), -1),
        variance(mean) {}
};

template <class T>
Results<T> fused(const ConvShape& s, const kernels::ConvInput<T>& input, const Operands<T>& in,
                 kernels::ConvEpilogue<T> epilogue) {
  Results<T> out(s);
  epilogue.mean = out.mean.data();
  epilogue.variance = out.variance.data();
  kernels::direct::forward(s, input, in.weight.data(), epilogue, out.y.data());
  kernels::direct::backward_weight(s, input, in.dy.data(), out.dw.data());
  return out;
}

/// The input gathered into one array, a convolution of that, and one more pass for each part of the epilogue.
template <class T>
Results<T> in_passes(const ConvShape& s, const kernels::ConvInput<T>& input, const Operands<T>& in,
                     kernels::ConvEpilogue<T> epilogue) {
  Results<T> out(s);
  Scratch<T> scratch(0);
  const T* const x = kernels::plain_input(s, input, scratch);
  kernels::direct::forward(s, x, in.weight.data(), epilogue.bias, out.y.data());
  epilogue.mean = out.mean.data();
  epilogue.variance = out.variance.data();
  kernels::finish_convolution(s, epilogue, out.y.data());
  kernels::direct::backward_weight(s, x, in.dy.data(), out.dw.data());
  return out;
}

double largest_difference(const std::vector<double>& a, const std::vector<double>& b) {
  double worst = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const double difference = std::abs(a[i] - b[i]);
    if (!(difference <= worst)) worst = difference;
  }
  return worst;
}

constexpr Conv2dOptions padded{.padding = {1, 1}};

const TwoSources direct_cases[] = {
    {{2, 21, 26, 16, 8, 3, 3, padded}, 8},  // three columns of taps on one packet of outputs
    {{3, 19, 12, 11, 5, 3, 3, padded}, 4},
    {{2, 11, 33, 6, 4, 3, 3, padded}, 2},  // two pixels a packet, in float and in double
    {{2, 11, 34, 6, 2, 3, 3, padded}, 2},
    {{2, 40, 30, 24, 16, 3, 3, padded}, 8},  // register tiles of 16 output channels
    {{3, 9, 11, 40, 37, 3, 3, padded}, 13},
    {{9, 3, 4, 32, 32, 3, 3, padded}, 16},   // several images a band
    {{1, 6, 7, 300, 33, 3, 3, padded}, 40},  // two slices, one of which holds a seam; blocks in several tasks
    {{3, 14, 15, 10, 3, 1, 1, {}}, 2},       // 1x1, images that share chunks
    {{2, 41, 40, 8, 3, 1, 1, {}}, 0},        // and pieces of one image
    {{2, 41, 40, 20, 24, 1, 1, {}}, 12},
    {{2, 31, 20, 3, 35, 1, 1, {}}, 1},        // few inputs, whole blocks of outputs and a ragged one
    {{2, 10, 10, 96, 200, 1, 1, {}}, 0},      // few pixels, many outputs
    {{3, 3, 5, 130, 114, 3, 3, padded}, 61},  // many weights
    {{2, 12, 13, 12, 20, 3, 3, {.stride = {2, 2}, .padding = {1, 1}}}, 4},
    {{2, 15, 12, 8, 12, 3, 3, {.padding = {6, 6}, .dilation = {6, 6}}}, 4},
    {{2, 9, 12, 12, 8, 3, 3, {.padding = {1, 1}, .groups = 2}}, 4},  // a group holds the seam
    {{2, 5, 5, 4, 6, 2, 2, {.padding = {3, 3}}}, 1},                 // rows and columns of nothing but padding
};

template <class T>
void check(const TwoSources& c) {
  const ConvShape& s = c.shape;
  CAPTURE(s.n, s.h, s.w, s.c, s.k, s.r, s.options.groups, c.second, sizeof(T));
  const Index addends = s.n % 2 == 0 ? 2 : 1;
  const Operands<T> in(s, c.second, addends);
  for (int option = 0; option < 4; ++option) {
    const auto input = in.input(s, c.second, option != 0, option != 1);
    kernels::ConvEpilogue<T> epilogue{.bias = option == 2 ? nullptr : in.bias.data(), .relu = option % 2 == 1};
    if (option == 3) epilogue.highest = T(0.25);
    if (option >= 2) {
      epilogue.addend = in.addend.data();
      epilogue.addend_images = addends;
    }
    CAPTURE(option);
    const auto want = in_passes(s, input, in, epilogue), got = fused(s, input, in, epilogue);
    CHECK(same_bits(got.y, want.y));
    CHECK(same_bits(got.dw, want.dw));
    // Of values of this size in float, sums of 64 terms may differ in the sixth digit.
    const double tolerance = sizeof(T) == 4 ? 2e-5 : 1e-13;
    CHECK(largest_difference(got.mean, want.mean) < tolerance);
    CHECK(largest_difference(got.variance, want.variance) < 100 * tolerance);
  }
}

TEST_CASE("a fused direct convolution has the bits of gathering, convolving and finishing", "[conv2d]") {
  for (const TwoSources& c : direct_cases) {
    check<float>(c);
    check<double>(c);
  }
}

TEST_CASE("the bits of a fused convolution and of its moments do not depend on the number of threads", "[conv2d]") {
  for (const TwoSources& c : direct_cases) {
    const Operands<float> in(c.shape, c.second, 1);
    const auto input = in.input(c.shape, c.second, true, true);
    const kernels::ConvEpilogue<float> epilogue{
        .bias = in.bias.data(), .addend = in.addend.data(), .addend_images = 1, .relu = true};
    set_threads(1);
    const auto one = fused(c.shape, input, in, epilogue);
    for (const int threads : {2, 4}) {
      set_threads(threads);
      const auto many = fused(c.shape, input, in, epilogue);
      CHECK(same_bits(one.y, many.y));
      CHECK(same_bits(one.dw, many.dw));
      CHECK(same_bits(one.mean, many.mean));
      CHECK(same_bits(one.variance, many.variance));
    }
    set_threads(0);
  }
}

TEST_CASE("a 1x1 convolution whose few pixels are shared by output channels has the bits of one task", "[conv2d]") {
  const ConvShape s{2, 10, 10, 96, 200, 1, 1, {}};
  const Operands<float> in(s, 0, 1);
  const auto input = in.input(s, 0, false, false);
  kernels::ConvEpilogue<float> epilogue{
      .bias = in.bias.data(), .addend = in.addend.data(), .addend_images = 1, .relu = true};
  const auto whole = fused(s, input, in, epilogue);  // moments of an image are of all its channels, so each is a task
  for (const int threads : {1, 2, 4}) {
    set_threads(threads);
    std::vector<float> shared(whole.y.size(), NAN);
    kernels::direct::forward(s, input, in.weight.data(), epilogue, shared.data());
    CHECK(same_bits(shared, whole.y));
  }
  set_threads(0);
  kernels::ConvEpilogue<float> activated{.bias = in.bias.data(), .activation = Activation::hardswish};
  std::vector<float> y(whole.y.size(), NAN), expected(y);
  kernels::direct::forward(s, input, in.weight.data(), activated, y.data());
  kernels::direct::forward(s, input, in.weight.data(), kernels::ConvEpilogue<float>{.bias = in.bias.data()},
                           expected.data());
  kernels::activate(Activation::hardswish, s.y_size(), expected.data(), expected.data());
  CHECK(same_bits(y, expected));
}

TEST_CASE("moments keep their digits when the mean is large against the spread", "[conv2d]") {
  // x is the mean plus a small part whose moments are known; the convolution copies it.
  const ConvShape s{1, 160, 160, 8, 8, 3, 3, padded};
  std::vector<float> x(static_cast<std::size_t>(s.x_size())), weight(static_cast<std::size_t>(s.weight_size())), y(x);
  for (std::size_t i = 0; i < x.size(); ++i) x[i] = 1000.0f + (i / 8 % 2 == 0 ? 0.25f : -0.25f);
  for (std::size_t k = 0; k < 8; ++k) weight[(4 * 8 + k) * 8 + k] = 1;
  std::vector<double> mean(8), variance(8);
  kernels::direct::forward(s, kernels::ConvInput<float>(x.data(), 8), weight.data(),
                           kernels::ConvEpilogue<float>{.mean = mean.data(), .variance = variance.data()}, y.data());
  for (std::size_t k = 0; k < 8; ++k) {
    CHECK(mean[k] == Approx(1000).epsilon(1e-9));
    CHECK(variance[k] == Approx(0.0625).epsilon(1e-9));
  }
}

}  // namespace
