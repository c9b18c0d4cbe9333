#include "paser/kernels/conv2d.hpp"

#include <array>
#include <catch2/catch.hpp>
#include <limits>
#include <vector>

#include "paser/core/random.hpp"
#include "paser/kernels/reference/conv2d.hpp"
#include "support/random_values.hpp"
#include "support/same_bits.hpp"

using namespace paser;
using kernels::ConvShape;

namespace {

/// The three convolutions of one shape, into buffers of NaN so that an element left out shows.
template <class T>
struct Outputs {
  std::vector<T> y, dx, dw;
};

template <class T>
struct Inputs {
  std::vector<T> x, weight, bias, dy;
  Inputs(const ConvShape& s, Key key)
      : x(random_values<T>(key.fold(0), s.x_size())),
        weight(random_values<T>(key.fold(1), s.weight_size())),
        bias(random_values<T>(key.fold(2), s.k)),
        dy(random_values<T>(key.fold(3), s.y_size())) {}
};

template <class T>
Outputs<T> fast(const ConvShape& s, const Inputs<T>& in, bool with_bias = true) {
  const auto unwritten = [](Index n) {
    return std::vector<T>(static_cast<std::size_t>(n), std::numeric_limits<T>::quiet_NaN());
  };
  Outputs<T> out{unwritten(s.y_size()), unwritten(s.x_size()), unwritten(s.weight_size())};
  if (kernels::depthwise::applies(s)) {
    kernels::depthwise::forward(s, in.x.data(), in.weight.data(), with_bias ? in.bias.data() : nullptr, out.y.data());
    kernels::depthwise::backward_input(s, in.dy.data(), in.weight.data(), out.dx.data());
    kernels::depthwise::backward_weight(s, in.x.data(), in.dy.data(), out.dw.data());
  } else {
    kernels::direct::forward(s, in.x.data(), in.weight.data(), with_bias ? in.bias.data() : nullptr, out.y.data());
    kernels::direct::backward_input(s, in.dy.data(), in.weight.data(), out.dx.data());
    kernels::direct::backward_weight(s, in.x.data(), in.dy.data(), out.dw.data());
  }
  return out;
}

/// The definition, in double.
Outputs<double> expected(const ConvShape& s, const Inputs<double>& in, bool with_bias = true) {
  const auto zeros = [](Index n) { return std::vector<double>(static_cast<std::size_t>(n)); };
  Outputs<double> out{zeros(s.y_size()), zeros(s.x_size()), zeros(s.weight_size())};
  kernels::reference::conv2d_forward(s, in.x.data(), in.weight.data(), out.y.data());
  if (with_bias)
    for (std::size_t i = 0; i < out.y.size(); ++i) out.y[i] += in.bias[i % in.bias.size()];
  kernels::reference::conv2d_backward_input(s, in.dy.data(), in.weight.data(), out.dx.data());
  kernels::reference::conv2d_backward_weight(s, in.x.data(), in.dy.data(), out.dw.data());
  return out;
}

/// Largest difference, relative to the largest expected value; infinity if a value is not a number.
template <class T>
double relative_error(const std::vector<T>& got, const std::vector<double>& want) {
  double worst = 0, scale = 1e-30;
  for (std::size_t i = 0; i < want.size(); ++i) {
    const double difference = std::abs(static_cast<double>(got[i]) - want[i]);
    worst = difference <= worst        ? worst
            : difference == difference ? difference
                                       : std::numeric_limits<double>::infinity();
    scale = std::max(scale, std::abs(want[i]));
  }
  return worst / scale;
}

template <class T>
void check_against_reference(const ConvShape& s, Key key) {
  const Inputs<double> wide(s, key);
  Inputs<T> in(s, key);
  // The reference must see what the kernel sees.
  Inputs<double> same = wide;
  same.x.assign(in.x.begin(), in.x.end());
  same.weight.assign(in.weight.begin(), in.weight.end());
  same.bias.assign(in.bias.begin(), in.bias.end());
  same.dy.assign(in.dy.begin(), in.dy.end());
  const bool with_bias = key.uniform_int(99, 4) != 0;
  const auto got = fast(s, in, with_bias);
  const auto want = expected(s, same, with_bias);
  const double tolerance = sizeof(T) == 4 ? 5e-6 : 1e-13;
  INFO("x " << s.n << "," << s.h << "," << s.w << "," << s.c << " k " << s.k << " kernel " << s.r << "x" << s.s
            << " stride " << s.options.stride[0] << "," << s.options.stride[1] << " padding " << s.options.padding[0]
            << "," << s.options.padding[1] << " dilation " << s.options.dilation[0] << "," << s.options.dilation[1]
            << " groups " << s.options.groups);
  CHECK(relative_error(got.y, want.y) < tolerance);
  CHECK(relative_error(got.dx, want.dx) < tolerance);
  CHECK(relative_error(got.dw, want.dw) < tolerance);
}

ConvShape random_shape(Key key) {
  auto pick = [&, draw = std::uint64_t{0}](Index low, Index high) mutable {
    return low + key.uniform_int(draw++, high - low + 1);
  };
  ConvShape s{};
  s.r = pick(1, 4), s.s = pick(1, 4);
  for (std::size_t axis : {0u, 1u}) {
    s.options.stride[axis] = pick(1, 3), s.options.dilation[axis] = pick(1, 3);
    s.options.padding[axis] = pick(0, 4);
  }
  if (pick(0, 1) == 0) s.options.stride = s.options.dilation = {1, 1};
  s.n = pick(1, 5);
  s.h = pick(1, 13) + s.options.dilation[0] * (s.r - 1), s.w = pick(1, 21) + s.options.dilation[1] * (s.s - 1);
  s.options.groups = pick(0, 2) == 0 ? pick(2, 5) : 1;
  s.c = s.options.groups * pick(1, s.options.groups == 1 ? 70 : 9),
  s.k = s.options.groups * pick(1, s.options.groups == 1 ? 70 : 9);
  return s;
}

TEST_CASE("convolutions of random shapes agree with the definition", "[conv2d]") {
  for (std::uint64_t i = 0; i < 70; ++i) {
    check_against_reference<float>(random_shape(Key{i}), Key{i}.fold(7));
    check_against_reference<double>(random_shape(Key{i}.fold(1)), Key{i}.fold(8));
  }
}

/// Maps of a few pixels, whose weights are read in place, beside the same with channels that do not allow it.
TEST_CASE("convolutions of few pixels agree with the definition", "[conv2d]") {
  std::uint64_t key = 0;
  for (const auto& [n, h, w] : {std::array<Index, 3>{1, 3, 4}, {1, 1, 1}, {2, 3, 4}, {3, 1, 2}, {1, 5, 5}, {1, 4, 2}})
    for (const auto& [c, k] : {std::pair<Index, Index>{256, 256}, {272, 64}, {64, 274}, {300, 32}})
      for (const Index stride : {1, 2}) {
        const Index groups = key % 5 == 4 ? 2 : 1;
        const ConvShape s{n, h, w, c * groups, k * groups, 3, 3, {{stride, 1}, {1, 1}, {1, 1}, groups}};
        check_against_reference<float>(s, Key{++key}.fold(11));
        check_against_reference<double>(s, Key{key}.fold(12));
      }
}

/// 1x1 convolutions to and from a few channels, with packets of pixels left over.
TEST_CASE("convolutions from and to few channels agree with the definition", "[conv2d]") {
  std::uint64_t key = 0;
  for (const Index few : {1, 2, 3, 4})
    for (const Index many : {16, 32, 64, 96, 50})
      for (const auto& [h, w] : {std::pair<Index, Index>{3, 5}, {4, 4}, {13, 21}}) {
        check_against_reference<float>({2, h, w, many, few, 1, 1, {}}, Key{++key}.fold(13));
        check_against_reference<float>({1, h, w, few, many, 1, 1, {}}, Key{key}.fold(14));
        check_against_reference<double>({1, h, w, many, few, 1, 1, {}}, Key{key}.fold(15));
      }
}

TEST_CASE("depthwise convolutions agree with the definition", "[conv2d]") {
  for (std::uint64_t i = 0; i < 24; ++i) {
    ConvShape s = random_shape(Key{1000 + i});
    s.options.groups = s.c = 1 + static_cast<Index>(i * 7 % 50);
    s.k = s.c * (i % 4 == 3 ? 2 : 1);
    check_against_reference<float>(s, Key{i}.fold(9));
    check_against_reference<double>(s, Key{i}.fold(9));
  }
}

/// Squares of outputs with single rows and columns left over, bands of rows, packets with channels left over.
TEST_CASE("depthwise 3x3 convolutions agree with the definition", "[conv2d]") {
  const Index channels[] = {1, 8, 19, 64};
  std::uint64_t key = 0;
  for (const auto& [h, w] : {std::pair<Index, Index>{1, 1}, {2, 3}, {3, 2}, {5, 4}, {4, 5}, {19, 8}, {38, 21}})
    for (const Index padding : {0, 1, 2}) {
      if (h + 2 * padding < 3 || w + 2 * padding < 3) continue;
      const Index c = channels[key / 2 % 4];
      const ConvShape s{2, h, w, c, c, 3, 3, {.padding = {padding, padding}, .groups = c}};
      check_against_reference<float>(s, Key{++key}.fold(11));
      check_against_reference<double>(s, Key{++key}.fold(11));
    }
}

/// x, channels out, kernel, and the settings that the networks use.
const std::vector<ConvShape> network_shapes{
    {1, 56, 64, 1, 4, 1, 1, {}},
    {1, 40, 48, 4, 8, 3, 3, {.padding = {1, 1}}},
    {2, 33, 64, 16, 8, 3, 3, {.padding = {1, 1}}},
    {2, 9, 33, 2, 4, 3, 3, {.padding = {1, 1}}},  // half a packet of outputs, forward and backward
    {1, 17, 29, 32, 3, 1, 1, {}},
    {5, 7, 8, 64, 48, 3, 3, {.padding = {1, 1}}},
    {5, 3, 4, 40, 64, 3, 3, {.padding = {1, 1}}},
    {1, 14, 16, 300, 32, 3, 3, {.padding = {1, 1}}},                     // two slices of input channels
    {1, 4, 12, 1200, 4, 3, 3, {.padding = {1, 1}}},                      // the same for one packet of outputs
    {1, 28, 32, 24, 20, 3, 3, {.padding = {6, 6}, .dilation = {6, 6}}},  // ASPP
    {1, 14, 16, 12, 16, 3, 3, {.padding = {12, 12}, .dilation = {12, 12}}},
    {1, 7, 8, 8, 8, 3, 3, {.padding = {36, 36}, .dilation = {36, 36}}},  // only the centre tap meets data
    // Read in place: tiles of pixels whose taps differ, several slices of channels, groups, uneven dilations.
    {2, 20, 23, 45, 36, 3, 3, {.padding = {6, 6}, .dilation = {6, 6}}},
    {1, 9, 32, 300, 40, 3, 3, {.padding = {3, 18}, .dilation = {3, 18}}},
    {2, 11, 10, 70, 66, 3, 2, {.stride = {2, 1}, .padding = {1, 2}, .dilation = {1, 4}, .groups = 2}},
    {2, 32, 36, 3, 16, 4, 4, {.stride = {4, 4}}},  // patch embedding
    {1, 28, 32, 3, 24, 7, 7, {.stride = {4, 4}, .padding = {3, 3}}},
    {1, 28, 30, 20, 32, 3, 3, {.stride = {2, 2}, .padding = {1, 1}}},
    {1, 9, 9, 5, 6, 1, 1, {.stride = {2, 2}}},  // inputs that nothing reads
    {1, 28, 32, 64, 64, 3, 3, {.padding = {1, 1}, .groups = 64}},
    {1, 3, 60, 300, 300, 3, 3, {.padding = {1, 1}, .groups = 300}},  // rows so long that a band holds few
    {2, 5, 33, 500, 500, 3, 3, {.padding = {1, 1}, .groups = 500}},
    // Few channels on one side: whole packets, single ones and one that overlaps, on either side.
    {2, 9, 31, 1, 37, 1, 1, {}},
    {3, 8, 23, 27, 2, 1, 1, {}},
    {1, 40, 37, 4, 41, 1, 1, {}},
    {2, 3, 5, 16, 3, 1, 1, {}},
    // Many weights: whole and half blocks of outputs, chunks that end within an image, strides, groups, empty taps.
    {2, 3, 4, 121, 136, 3, 3, {.padding = {1, 1}}},
    {3, 9, 6, 115, 129, 3, 3, {.padding = {1, 0}}},
    {4, 7, 8, 120, 128, 3, 3, {.padding = {1, 1}}},  // more pixels than one chunk holds
    {2, 5, 7, 360, 371, 1, 1, {.stride = {2, 3}}},
    {1, 5, 5, 236, 130, 3, 3, {.stride = {2, 2}, .padding = {1, 1}, .groups = 2}},
    {1, 3, 4, 122, 120, 3, 3, {.padding = {6, 6}, .dilation = {6, 6}}},
    {1, 1, 1, 1, 1, 1, 1, {}},
};

TEST_CASE("convolutions of the networks' kinds agree with the definition", "[conv2d]") {
  std::uint64_t i = 0;
  for (const ConvShape& s : network_shapes) {
    check_against_reference<float>(s, Key{++i});
    check_against_reference<double>(s, Key{i});
  }
}

TEST_CASE("the bits of a convolution do not depend on the number of threads", "[conv2d]") {
  for (const ConvShape& s : network_shapes) {
    const Inputs<float> in(s, Key{5});
    set_threads(1);
    const auto one = fast(s, in);
    for (const int threads : {2, 4}) {
      set_threads(threads);
      const auto many = fast(s, in);
      CHECK(same_bits(one.y, many.y));
      CHECK(same_bits(one.dx, many.dx));
      CHECK(same_bits(one.dw, many.dw));
    }
    set_threads(0);
  }
}

}  // namespace
