#include <catch2/catch.hpp>
#include <vector>

#include "kernels/convolutions.hpp"
#include "paser/core/random.hpp"
#include "paser/kernels/activation.hpp"
#include "paser/kernels/conv2d.hpp"
#include "paser/kernels/reference/conv2d.hpp"
#include "support/same_bits.hpp"

using namespace paser;
using kernels::ConvShape;

namespace {

/// A map with ReLU for `images` images of `channels` channels.
template <class T>
struct Map {
  Tensor<T, 1> shift, scale, offset;
  kernels::ChannelMap<T> map;

  Map(Key key, Index images, Index channels)
      : shift(uniform<T>(key.fold(1), Shape{images * channels}, -1, 1)),
        scale(uniform<T>(key.fold(2), Shape{images * channels}, 0.5, 2)),
        offset(uniform<T>(key.fold(3), Shape{images * channels}, -1, 1)),
        map{shift.data(), scale.data(), offset.data(), Activation::relu} {}
};

/// max(0, (x - shift) * scale + offset) and the concatenation, written out.
template <class T>
std::vector<double> gathered(const ConvShape& s, const kernels::ConvInput<T>& input) {
  std::vector<double> x(static_cast<std::size_t>(s.x_size()));
  const auto fill = [&](const kernels::ConvSource<T>& source, Index first) {
    for (Index n = 0; n < s.n; ++n)
      for (Index p = 0; p < s.h * s.w; ++p)
        for (Index k = 0; k < source.channels; ++k) {
          auto v = static_cast<double>(source.data[(n * s.h * s.w + p) * source.channels + k]);
          if (source.map) {
            const Index m = n * source.channels + k;
            v = std::max(0.0,
                         (v - static_cast<double>(source.map->shift[m])) * static_cast<double>(source.map->scale[m]) +
                             static_cast<double>(source.map->offset[m]));
          }
          x[static_cast<std::size_t>((n * s.h * s.w + p) * s.c + first + k)] = v;
        }
  };
  fill(input.first, 0);
  fill(input.second, input.first.channels);
  return x;
}

const TwoSources operand_cases[] = {
    {{2, 9, 11, 16, 8, 3, 3, {.padding = {1, 1}}}, 8},     // one packet of outputs
    {{3, 12, 16, 32, 32, 3, 3, {.padding = {1, 1}}}, 16},  // a multiple of the tiles
    {{2, 13, 10, 48, 24, 3, 3, {.padding = {1, 1}}}, 16},  // ragged edges
    {{4, 7, 8, 96, 160, 3, 3, {.padding = {1, 1}}}, 32},   // few tiles, many channels
    {{2, 10, 9, 5, 3, 1, 1, {}}, 2},                       // pointwise
    {{2, 10, 9, 8, 3, 1, 1, {}}, 0},
    {{1, 8, 9, 8, 20, 3, 3, {.stride = {2, 2}, .padding = {1, 1}}}, 4},
    {{2, 8, 8, 8, 8, 3, 3, {.padding = {1, 1}, .groups = 8}}, 4},  // depthwise
    {{2, 19, 9, 20, 20, 3, 3, {.padding = {1, 1}, .groups = 20}}, 7},
    {{1, 9, 19, 19, 19, 5, 3, {.stride = {2, 1}, .padding = {2, 0}, .groups = 19}}, 0},
    {{2, 8, 8, 8, 12, 3, 3, {.padding = {2, 2}, .dilation = {2, 2}, .groups = 2}}, 4},
    // Winograd by phases, of equal sizes and of others, whatever the costs of this processor choose.
    {{2, 12, 16, 64, 64, 3, 3, {.padding = {2, 2}, .dilation = {2, 2}, .algorithm = ConvAlgorithm::winograd_2x2}}, 0},
    {{1, 23, 34, 80, 72, 3, 3, {.padding = {2, 3}, .dilation = {2, 3}, .algorithm = ConvAlgorithm::winograd_2x2}}, 16},
    {{2, 25, 1, 64, 64, 3, 3, {.padding = {1, 2}, .dilation = {1, 2}, .algorithm = ConvAlgorithm::winograd_2x2}}, 32},
    {{2, 12, 16, 64, 64, 3, 3, {.padding = {2, 2}, .dilation = {2, 2}, .algorithm = ConvAlgorithm::winograd_4x4}}, 0},
    {{1, 23, 34, 80, 72, 3, 3, {.padding = {2, 3}, .dilation = {2, 3}, .algorithm = ConvAlgorithm::winograd_4x4}}, 16},
    {{2, 25, 1, 64, 64, 3, 3, {.padding = {1, 2}, .dilation = {1, 2}, .algorithm = ConvAlgorithm::winograd_4x4}}, 32},
};

template <class T>
void check_case(const TwoSources& c, double tolerance) {
  const ConvShape& s = c.shape;
  CAPTURE(s.n, s.h, s.w, s.c, s.k, s.r, c.second);
  const Index first = s.c - c.second;
  const auto a = uniform<T>(Key{1}, Shape{s.n * s.h * s.w * first}, -1, 1),
             b = uniform<T>(Key{2}, Shape{s.n * s.h * s.w * c.second}, -1, 1),
             weight = uniform<T>(Key{3}, Shape{s.weight_size()}, -1, 1), bias = uniform<T>(Key{4}, Shape{s.k}, -1, 1),
             dy = uniform<T>(Key{5}, Shape{s.y_size()}, -1, 1);
  const Index addends = s.n % 2 == 0 ? 2 : 1;
  const auto addend = uniform<T>(Key{6}, Shape{addends * s.y_size() / s.n}, -1, 1);
  const Map<T> map_a(Key{7}, s.n, first), map_b(Key{8}, s.n, c.second);
  const auto plain = [](const auto& t) { return std::vector<double>(t.data(), t.data() + t.numel()); };
  for (const bool mapped : {false, true}) {
    const kernels::ConvInput<T> input({a.data(), first, mapped ? &map_a.map : nullptr},
                                      {b.data(), c.second, mapped && c.second > 0 ? &map_b.map : nullptr});
    const std::vector<double> x = gathered(s, input);
    std::vector<double> expected(static_cast<std::size_t>(s.y_size()));
    kernels::reference::conv2d_forward(s, x.data(), plain(weight).data(), expected.data());
    const Index image = s.y_size() / s.n;
    for (Index i = 0; i < s.y_size(); ++i) {
      auto& e = expected[static_cast<std::size_t>(i)];
      e = std::max(0.0, e + static_cast<double>(bias.data()[i % s.k]) +
                            static_cast<double>(addend.data()[i / image % addends * image + i % image]));
    }
    Tensor<T, 1> y({s.y_size()});
    std::vector<double> mean(static_cast<std::size_t>(s.n * s.k)), variance(mean.size());
    kernels::conv2d_forward(s, input, weight.data(),
                            kernels::ConvEpilogue<T>{.bias = bias.data(),
                                                     .addend = addend.data(),
                                                     .addend_images = addends,
                                                     .relu = true,
                                                     .mean = mean.data(),
                                                     .variance = variance.data()},
                            y.mutable_data());
    double largest = 0, worst = 0;
    for (Index i = 0; i < s.y_size(); ++i) {
      const double e = expected[static_cast<std::size_t>(i)];
      largest = std::max(largest, std::abs(e));
      worst = std::max(worst, std::abs(e - static_cast<double>(y.data()[i])));
    }
    CHECK(worst <= tolerance * largest);
    for (Index n = 0; n < s.n; ++n)
      for (Index k = 0; k < s.k; ++k) {
        double sum = 0, squares = 0;
        const Index pixels = image / s.k;
        for (Index p = 0; p < pixels; ++p) sum += static_cast<double>(y.data()[(n * pixels + p) * s.k + k]);
        const double m = sum / static_cast<double>(pixels);
        for (Index p = 0; p < pixels; ++p) {
          const double d = static_cast<double>(y.data()[(n * pixels + p) * s.k + k]) - m;
          squares += d * d;
        }
        const auto at = static_cast<std::size_t>(n * s.k + k);
        CHECK(std::abs(mean[at] - m) <= tolerance * largest);
        CHECK(std::abs(variance[at] - squares / static_cast<double>(pixels)) <= tolerance * largest * largest);
      }

    std::vector<double> expected_dw(static_cast<std::size_t>(s.weight_size()));
    kernels::reference::conv2d_backward_weight(s, x.data(), plain(dy).data(), expected_dw.data());
    Tensor<T, 1> dw({s.weight_size()});
    kernels::conv2d_backward_weight(s, input, dy.data(), dw.mutable_data());
    largest = worst = 0;
    for (Index i = 0; i < s.weight_size(); ++i) {
      const double e = expected_dw[static_cast<std::size_t>(i)];
      largest = std::max(largest, std::abs(e));
      worst = std::max(worst, std::abs(e - static_cast<double>(dw.data()[i])));
    }
    CHECK(worst <= tolerance * largest);
  }
}

}  // namespace

TEST_CASE("the gradient of the input of dilated convolutions, and their bits on several threads") {
  for (const TwoSources& c : operand_cases) {
    const ConvShape& s = c.shape;
    if (!kernels::winograd::splits_into_phases(s)) continue;
    CAPTURE(s.h, s.w, s.options.dilation[0], s.options.dilation[1]);
    const auto x = uniform<float>(Key{1}, Shape{s.x_size()}, -1, 1),
               dy = uniform<float>(Key{2}, Shape{s.y_size()}, -1, 1),
               weight = uniform<float>(Key{3}, Shape{s.weight_size()}, -1, 1);
    const auto all = [&] {
      Tensor<float, 1> out({s.y_size() + s.x_size() + s.weight_size()});
      float* const to = out.mutable_data();
      kernels::conv2d_forward<float>(s, x.data(), weight.data(), nullptr, to);
      kernels::conv2d_backward_input(s, dy.data(), weight.data(), to + s.y_size());
      kernels::conv2d_backward_weight(s, x.data(), dy.data(), to + s.y_size() + s.x_size());
      return out;
    };
    CHECK(same_for_all_threads(all));
    const auto got = all();
    const std::vector<double> wide_dy(dy.data(), dy.data() + dy.numel()),
        wide_weight(weight.data(), weight.data() + weight.numel());
    std::vector<double> expected(static_cast<std::size_t>(s.x_size()));
    kernels::reference::conv2d_backward_input(s, wide_dy.data(), wide_weight.data(), expected.data());
    double largest = 0, worst = 0;
    for (Index i = 0; i < s.x_size(); ++i) {
      const double e = expected[static_cast<std::size_t>(i)];
      largest = std::max(largest, std::abs(e));
      worst = std::max(worst, std::abs(e - static_cast<double>(got.data()[s.y_size() + i])));
    }
    CHECK(worst <= 1e-5 * largest);
  }
}

TEST_CASE("an activation that a convolution takes as it writes has the bits of one behind it") {
  const ConvShape shapes[] = {
      {1, 9, 11, 16, 20, 3, 3, {.padding = {1, 1}}},   // direct
      {1, 24, 24, 64, 64, 3, 3, {.padding = {1, 1}}},  // Winograd
      {1, 24, 24, 64, 64, 3, 3, {.padding = {2, 2}, .dilation = {2, 2}, .algorithm = ConvAlgorithm::winograd_4x4}},
      {2, 13, 10, 12, 40, 1, 1, {}},                                // pointwise
      {2, 13, 10, 33, 3, 1, 1, {}},                                 // pointwise to few
      {1, 9, 10, 19, 19, 3, 3, {.padding = {1, 1}, .groups = 19}},  // depthwise
      {1, 9, 10, 40, 40, 5, 5, {.stride = {2, 2}, .padding = {2, 2}, .groups = 40}},
      {1, 3, 4, 256, 256, 3, 3, {.padding = {1, 1}}},  // few pixels
      {1, 30, 30, 3, 8, 3, 3, {.padding = {1, 1}}},    // sliding
  };
  for (const ConvShape& s : shapes)
    for (const Activation f : {Activation::hardswish, Activation::gelu, Activation::gelu_tanh}) {
      CAPTURE(s.h, s.c, s.k, s.r, s.options.groups, static_cast<int>(f));
      const auto x = uniform<float>(Key{1}, Shape{s.x_size()}, -1, 1), bias = uniform<float>(Key{2}, Shape{s.k}, -1, 1),
                 weight = uniform<float>(Key{3}, Shape{s.weight_size()}, -1, 1);
      Tensor<float, 1> plain({s.y_size()}), fused({s.y_size()});
      const kernels::ConvInput<float> input(x.data(), s.c);
      kernels::ConvEpilogue<float> epilogue{.bias = bias.data()};
      kernels::conv2d_forward(s, input, weight.data(), epilogue, plain.mutable_data());
      kernels::activate(f, s.y_size(), plain.data(), plain.mutable_data());
      epilogue.activation = f;
      kernels::conv2d_forward(s, input, weight.data(), epilogue, fused.mutable_data());
      CHECK(same_bits(plain, fused));
    }
}

TEST_CASE("a convolution reads two mapped sources and finishes its result in place") {
  for (const TwoSources& c : operand_cases) {
    check_case<float>(c, 1e-5);
    check_case<double>(c, 1e-12);
  }
}
