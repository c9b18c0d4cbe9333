#pragma once

#include "draw.hpp"
#include "paser/kernels/conv/algorithm.hpp"
#include "paser/kernels/conv2d.hpp"
#include "paser/kernels/reference/conv2d.hpp"

/// Convolutions of any shape, by every algorithm that computes them, against their definition.
namespace fuzz {

using paser::ConvAlgorithm;
using paser::kernels::ConvShape;

inline std::string describe(const ConvShape& s) {
  const auto& o = s.options;
  return paser::message("n ", s.n, " h ", s.h, " w ", s.w, " c ", s.c, " k ", s.k, " filter ", s.r, "x", s.s,
                        " stride ", o.stride[0], ",", o.stride[1], " padding ", o.padding[0], ",", o.padding[1],
                        " dilation ", o.dilation[0], ",", o.dilation[1], " groups ", o.groups, " by ",
                        name(o.algorithm));
}

/// Half of them are of the kind that Winograd's algorithm computes, the others anything; n 0: none can be drawn of
/// these bytes. Bounded, so that the definition takes milliseconds.
inline ConvShape draw_convolution(Draw& draw) {
  ConvShape s{
      draw.between(1, 4), draw.between(1, 20), draw.between(1, 20), draw.between(1, 40), draw.between(1, 40), 3, 3, {}};
  auto& o = s.options;
  if (draw.flag()) {
    o.padding = {draw.between(0, 2), draw.between(0, 2)};
  } else {
    s.r = draw.between(1, 5), s.s = draw.between(1, 5);
    o.stride = {draw.between(1, 3), draw.between(1, 3)};
    o.padding = {draw.between(0, s.r), draw.between(0, s.s)};
    o.dilation = {draw.between(1, 3), draw.between(1, 3)};
    o.groups = draw.pick<Index>({1, 1, 2, 3, s.c});
    s.c = (s.c + o.groups - 1) / o.groups * o.groups;
    s.k = o.groups == s.c && draw.flag() ? s.c : (s.k + o.groups - 1) / o.groups * o.groups;
  }
  for (Index* extent : {&s.n, &s.h, &s.w})
    while (*extent > 1 && s.macs() > (1 << 19)) --*extent;
  const auto reach = [](Index taps, Index dilation) { return dilation * (taps - 1) + 1; };
  if (s.h + 2 * o.padding[0] < reach(s.r, o.dilation[0]) || s.w + 2 * o.padding[1] < reach(s.s, o.dilation[1])) s.n = 0;
  return s;
}

/// The terms of a sum of products, the epilogue's and the map's roundings among them. Winograd's transforms make larger
/// numbers of those of a tile, but their errors are measured by the largest sum of all (see Convolution::sums).
inline double rounding_terms(double products) {
  return products + 8;
}

/// One convolution, its operands, and the same as its twin sees them.
template <class T>
class Convolution {
 public:
  Convolution(Draw& draw, const ConvShape& shape)
      : s_(shape),
        second_(draw.flag() ? draw.between(0, s_.c - 1) : 0),
        addends_(s_.n > 1 && draw.flag() ? s_.n : 1),
        a_(draw.values<T>(s_.n * s_.h * s_.w * (s_.c - second_))),
        b_(draw.values<T>(s_.n * s_.h * s_.w * second_)),
        weight_(draw.values<T>(s_.weight_size())),
        dy_(draw.values<T>(s_.y_size())),
        map_a_(draw, s_.n * (s_.c - second_)),
        map_b_(draw, s_.n * second_),
        input_(source(draw, a_, s_.c - second_, map_a_), source(draw, b_, second_, map_b_)),
        bias_(draw.values<T>(draw.flag() ? s_.k : 0)),
        addend_(draw.values<T>(draw.flag() ? addends_ * s_.y_size() / s_.n : 0)),
        relu_(draw.flag()),
        highest_(relu_ && draw.flag() ? 0.5 : std::numeric_limits<double>::infinity()),
        moments_(draw.flag()),
        x_(static_cast<std::size_t>(s_.x_size())) {
    gather(input_.first, 0);
    gather(input_.second, s_.c - second_);
  }

  void check() {
    forward();
    backward_input();
    backward_weight();
  }

 private:
  struct Map {
    std::vector<T> shift, scale, offset;
    paser::kernels::ChannelMap<T> map;
    Map(Draw& draw, Index count)
        : shift(draw.values<T>(count)),
          scale(draw.values<T>(count, 0.5, 2)),
          offset(draw.values<T>(count)),
          map{shift.data(), scale.data(), offset.data(), paser::Activation::relu} {}
  };

  static paser::kernels::ConvSource<T> source(Draw& draw, const std::vector<T>& x, Index channels, const Map& map) {
    return {x.data(), channels, draw.flag() && channels > 0 ? &map.map : nullptr};
  }

  /// The mapped source at its channels of the whole input.
  void gather(const paser::kernels::ConvSource<T>& from, Index first) {
    for (Index i = 0; i < s_.n * s_.h * s_.w * from.channels; ++i) {
      const Index channel = i % from.channels, pixel = i / from.channels,
                  m = pixel / (s_.h * s_.w) * from.channels + channel;
      Sum& to = x_[static_cast<std::size_t>(pixel * s_.c + first + channel)];
      const auto x = static_cast<double>(from.data[i]);
      if (from.map == nullptr) {
        to.add(x);
        continue;
      }
      const auto shift = static_cast<double>(from.map->shift[m]), scale = static_cast<double>(from.map->scale[m]);
      const auto offset = static_cast<double>(from.map->offset[m]);
      to.add(std::max(0.0, (x - shift) * scale + offset), (std::abs(x) + std::abs(shift)) * scale + std::abs(offset));
    }
  }

  /// Sums of products; with tiles, which mix neighbours, all have the magnitude of the largest.
  template <class Products>
  std::vector<Sum> sums(Index count, const Products& products) const {
    std::vector<Sum> out(static_cast<std::size_t>(count));
    paser::kernels::reference::for_each_product(s_, [&](Index xi, Index wi, Index yi) {
      products(out, static_cast<std::size_t>(xi), static_cast<std::size_t>(wi), static_cast<std::size_t>(yi));
    });
    if (s_.options.algorithm != ConvAlgorithm::direct) {
      double largest = 0;
      for (const Sum& sum : out) largest = std::max(largest, sum.magnitude);
      for (Sum& sum : out) sum.magnitude = largest;
    }
    return out;
  }

  void forward() {
    std::vector<Sum> want = sums(s_.y_size(), [&](auto& y, std::size_t xi, std::size_t wi, std::size_t yi) {
      const auto w = static_cast<double>(weight_[wi]);
      y[yi].add(x_[xi].value * w, x_[xi].magnitude * std::abs(w));
    });
    const Index image = s_.y_size() / s_.n;
    for (Index i = 0; i < s_.y_size(); ++i) {
      Sum& y = want[static_cast<std::size_t>(i)];
      if (!bias_.empty()) y.add(static_cast<double>(bias_[static_cast<std::size_t>(i % s_.k)]));
      if (!addend_.empty())
        y.add(static_cast<double>(addend_[static_cast<std::size_t>(i / image % addends_ * image + i % image)]));
      if (relu_) y.value = std::max(0.0, y.value);
      y.value = std::min(y.value, highest_);
    }
    auto y = unwritten<T>(s_.y_size()), prepared = y;
    auto mean = unwritten<double>(s_.n * s_.k), variance = mean;
    paser::kernels::ConvEpilogue<T> epilogue{.bias = bias_.empty() ? nullptr : bias_.data(),
                                             .addend = addend_.empty() ? nullptr : addend_.data(),
                                             .addend_images = addend_.empty() ? 0 : addends_,
                                             .relu = relu_,
                                             .highest = static_cast<T>(highest_)};
    if (moments_) epilogue.mean = mean.data(), epilogue.variance = variance.data();
    paser::kernels::conv2d_forward(s_, input_, weight_.data(), epilogue, y.data());
    agree("convolution, " + describe(s_), y, want, rounding_terms(static_cast<double>(s_.r * s_.s * s_.group_c())));
    if (moments_) check_moments(y, mean, variance);

    const auto kept = paser::kernels::prepare_filter(s_, weight_.data());
    paser::kernels::conv2d_forward<T>(s_, input_, {weight_.data(), &kept}, epilogue, prepared.data());
    same("convolution by a prepared filter, " + describe(s_), prepared, y);
  }

  void check_moments(const std::vector<T>& y, const std::vector<double>& mean, const std::vector<double>& variance) {
    const Index pixels = s_.out_h() * s_.out_w();
    const auto at = [&](Index i, Index p) {
      return static_cast<double>(y[static_cast<std::size_t>((i / s_.k * pixels + p) * s_.k + i % s_.k)]);
    };
    const auto n = static_cast<double>(pixels);
    std::vector<Sum> means(mean.size()), variances(mean.size());
    for (Index i = 0; i < s_.n * s_.k; ++i) {
      Sum &m = means[static_cast<std::size_t>(i)], &v = variances[static_cast<std::size_t>(i)];
      for (Index p = 0; p < pixels; ++p) m.add(at(i, p) / n);
      // The kernel sums what is left of each pixel behind another one of them, which may be the furthest from the mean.
      const auto distance = [&](Index p) { return std::abs(at(i, p) - m.value); };
      double furthest = 0;
      for (Index p = 0; p < pixels; ++p) furthest = std::max(furthest, distance(p));
      for (Index p = 0; p < pixels; ++p)
        v.add(distance(p) * distance(p) / n, (at(i, p) * at(i, p) + std::pow(distance(p) + furthest, 2)) / n);
    }
    // The numbers are summed in T, and the result is a double.
    const double terms = (n + 8) * (std::numeric_limits<T>::epsilon() / std::numeric_limits<double>::epsilon());
    agree("mean, " + describe(s_), mean, means, terms, From::rounded);
    agree("variance, " + describe(s_), variance, variances, terms, From::rounded);
  }

  void backward_input() {
    const auto want = sums(s_.x_size(), [&](auto& dx, std::size_t xi, std::size_t wi, std::size_t yi) {
      dx[xi].add(static_cast<double>(dy_[yi]) * static_cast<double>(weight_[wi]));
    });
    auto dx = unwritten<T>(s_.x_size());
    paser::kernels::conv2d_backward_input(s_, dy_.data(), weight_.data(), dx.data());
    agree("gradient of the input, " + describe(s_), dx, want,
          rounding_terms(static_cast<double>(s_.r * s_.s * s_.group_k())));
  }

  void backward_weight() {
    const auto want = sums(s_.weight_size(), [&](auto& dw, std::size_t xi, std::size_t wi, std::size_t yi) {
      const auto dy = static_cast<double>(dy_[yi]);
      dw[wi].add(dy * x_[xi].value, std::abs(dy) * x_[xi].magnitude);
    });
    auto dw = unwritten<T>(s_.weight_size());
    paser::kernels::conv2d_backward_weight(s_, input_, dy_.data(), dw.data());
    agree("gradient of the weight, " + describe(s_), dw, want,
          rounding_terms(static_cast<double>(s_.n * s_.out_h() * s_.out_w())));
  }

  ConvShape s_;
  Index second_, addends_;
  std::vector<T> a_, b_, weight_, dy_;
  Map map_a_, map_b_;
  paser::kernels::ConvInput<T> input_;
  std::vector<T> bias_, addend_;
  bool relu_;
  double highest_;  ///< of y
  bool moments_;
  std::vector<Sum> x_;
};

template <class T>
void convolution(Draw& draw) {
  ConvShape s = draw_convolution(draw);
  if (s.n < 1) return;
  for (const auto algorithm : {ConvAlgorithm::direct, ConvAlgorithm::winograd_2x2, ConvAlgorithm::winograd_4x4}) {
    s.options.algorithm = algorithm;
    if (!computes(algorithm, s)) continue;
    Draw same_operands = draw;
    Convolution<T>(same_operands, s).check();
  }
}

template <class T>
void convolution_relu_pool(Draw& draw) {
  ConvShape s = draw_convolution(draw);
  s.c = draw.between(1, 5);
  s.options.groups = 1;
  const auto kernel = [&] { return draw.between(1, 3); };
  paser::Pool2dOptions options{{kernel(), kernel()}, {kernel(), kernel()}, {}};
  options.padding = {draw.between(0, options.kernel[0] / 2), draw.between(0, options.kernel[1] / 2)};
  if (s.n < 1 || !fuses_with_pool(s) || s.out_h() + 2 * options.padding[0] < options.kernel[0] ||
      s.out_w() + 2 * options.padding[1] < options.kernel[1])
    return;
  const auto pool = paser::kernels::pool_shape("fuzz", {s.n, s.out_h(), s.out_w(), s.k}, options);
  const auto x = draw.values<T>(s.x_size()), weight = draw.values<T>(s.weight_size()), bias = draw.values<T>(s.k);
  std::vector<Sum> map(static_cast<std::size_t>(s.y_size()));
  for (std::size_t i = 0; i < map.size(); ++i) map[i].add(static_cast<double>(bias[i % bias.size()]));
  paser::kernels::reference::for_each_product(s, [&](Index xi, Index wi, Index yi) {
    map[static_cast<std::size_t>(yi)].add(static_cast<double>(x[static_cast<std::size_t>(xi)]) *
                                          static_cast<double>(weight[static_cast<std::size_t>(wi)]));
  });
  auto y = unwritten<T>(pool.n * pool.out_h * pool.out_w * pool.c);
  conv2d_relu_max_pool(s, pool, x.data(), weight.data(), bias.data(), y.data());
  const auto twin = [&](Index i) {
    const Index k = i % pool.c, column = i / pool.c % pool.out_w, row = i / pool.c / pool.out_w % pool.out_h;
    const Index n = i / pool.c / pool.out_w / pool.out_h;
    Sum largest;
    for (Index r = 0; r < options.kernel[0]; ++r)
      for (Index c = 0; c < options.kernel[1]; ++c) {
        const Index a = row * options.stride[0] - options.padding[0] + r,
                    b = column * options.stride[1] - options.padding[1] + c;
        if (a < 0 || a >= pool.h || b < 0 || b >= pool.w) continue;
        const Sum& at = map[static_cast<std::size_t>(((n * pool.h + a) * pool.w + b) * pool.c + k)];
        largest = {std::max(largest.value, at.value), std::max(largest.magnitude, at.magnitude)};
      }
    return largest;
  };
  agree("convolution, ReLU and pooling, " + describe(s), y, twin, static_cast<double>(s.r * s.s * s.c + 4));
}

}  // namespace fuzz
