#pragma once

#include "draw.hpp"
#include "paser/kernels/axis_maps.hpp"
#include "paser/kernels/channel_norm.hpp"
#include "paser/kernels/channel_norm_backward.hpp"
#include "paser/kernels/copy_channels.hpp"
#include "paser/kernels/max_pool2d.hpp"
#include "paser/kernels/pad.hpp"
#include "paser/kernels/patch_statistics.hpp"
#include "paser/kernels/separable.hpp"

/// What works on images (n, h, w, c).
namespace fuzz {

template <class T>
void max_pool(Draw& draw) {
  paser::Pool2dOptions o{{draw.between(1, 5), draw.between(1, 5)}, {draw.between(1, 5), draw.between(1, 5)}, {}};
  if (draw.flag()) o = {};
  for (std::size_t a = 0; a < 2; ++a) o.padding[a] = draw.between(0, o.kernel[a] / 2);
  const Index n = draw.between(0, 3), h = draw.between(o.kernel[0], 24), w = draw.between(o.kernel[1], 24),
              c = draw.between(1, 40);
  const auto s = paser::kernels::pool_shape("fuzz", {n, h, w, c}, o);
  const Index pooled = n * s.out_h * s.out_w * c;
  const auto x = draw.values<T>(n * h * w * c, -3, 3), dy = draw.values<T>(pooled);
  auto y = unwritten<T>(pooled), inferred = y, dx = unwritten<T>(n * h * w * c);
  std::vector<std::uint8_t> tap(y.size(), 255);
  max_pool2d_forward(s, x.data(), y.data(), tap.data());
  max_pool2d_forward(s, x.data(), inferred.data(), nullptr);
  max_pool2d_backward(s, dy.data(), tap.data(), dx.data());
  std::vector<T> want_y(y.size());
  std::vector<std::uint8_t> want_tap(y.size());
  std::vector<Sum> want_dx(dx.size());
  for (std::size_t i = 0; i < y.size(); ++i) {
    const Index at = static_cast<Index>(i), k = at % c, column = at / c % s.out_w, row = at / c / s.out_w % s.out_h;
    Index best = -1;
    for (Index t = 0; t < o.kernel[0] * o.kernel[1]; ++t) {
      const Index a = row * o.stride[0] - o.padding[0] + t / o.kernel[1],
                  b = column * o.stride[1] - o.padding[1] + t % o.kernel[1];
      if (a < 0 || a >= h || b < 0 || b >= w) continue;
      const Index place = ((at / c / s.out_w / s.out_h * h + a) * w + b) * c + k;
      if (best >= 0 && x[static_cast<std::size_t>(place)] <= x[static_cast<std::size_t>(best)]) continue;
      best = place;
      want_tap[i] = static_cast<std::uint8_t>(t);
    }
    want_y[i] = x[static_cast<std::size_t>(best)];
    want_dx[static_cast<std::size_t>(best)].add(static_cast<double>(dy[i]));
  }
  const auto what =
      paser::message("max pooling of ", n, " x ", h, " x ", w, " x ", c, " by ", o.kernel[0], "x", o.kernel[1],
                     " stride ", o.stride[0], ",", o.stride[1], " padding ", o.padding[0], ",", o.padding[1]);
  same(what, y, want_y);
  same(what + " for inference", inferred, want_y);
  same(what + ", places", std::vector<int>(tap.begin(), tap.end()), std::vector<int>(want_tap.begin(), want_tap.end()));
  agree(what + ", gradient", dx, want_dx, 25);
}

template <class T>
paser::kernels::AxisMap<T> draw_axis(Draw& draw) {
  using namespace paser::kernels;
  const Index in = draw.between(1, 24), out = draw.between(1, 24), kernel = draw.between(1, in);
  const double scale = static_cast<double>(in) / static_cast<double>(out);
  switch (draw.between(0, 5)) {
    case 0:
      return linear_axis<T>(in, out, true, scale);
    case 1:
      return linear_axis<T>(in, out, false, scale);
    case 2:
      return nearest_axis<T>(in, out, scale);
    case 3:
      return extended_axis<T>(in, out, draw.flag());
    case 4:
      return average_axis<T>(in, in - kernel + 1, kernel, 1, 0, true);
    default:
      return adaptive_axis<T>(in, out);
  }
}

/// Resizing, repetition, average pooling, and their gradients, which are the transposed maps.
template <class T>
void separable(Draw& draw) {
  auto rows = draw_axis<T>(draw), columns = draw_axis<T>(draw);
  if (draw.flag()) rows = rows.transposed(), columns = columns.transposed();
  const Index n = draw.between(0, 3), c = draw.between(1, 40);
  const auto x = draw.values<T>(n * rows.in * columns.in * c);
  auto y = unwritten<T>(n * rows.out * columns.out * c);
  apply_separable(rows, columns, n, c, x.data(), y.data());
  Index most = 0;
  const auto twin = [&](Index i) {
    const Index k = i % c, column = i / c % columns.out, row = i / c / columns.out % rows.out,
                image = i / c / columns.out / rows.out;
    Sum sum;
    for (Index a = rows.first(row); a < rows.last(row); ++a)
      for (Index b = columns.first(column); b < columns.last(column); ++b) {
        const auto ra = static_cast<std::size_t>(a), cb = static_cast<std::size_t>(b);
        const Index place = ((image * rows.in + rows.index[ra]) * columns.in + columns.index[cb]) * c + k;
        sum.add(static_cast<double>(rows.weight[ra]) * static_cast<double>(columns.weight[cb]) *
                static_cast<double>(x[static_cast<std::size_t>(place)]));
        most = std::max(most, rows.last(row) - rows.first(row) + columns.last(column) - columns.first(column));
      }
    return sum;
  };
  agree(paser::message("separable map ", n, " x ", rows.in, " x ", columns.in, " x ", c, " to ", rows.out, " x ",
                       columns.out),
        y, twin, 52);
}

/// The statistics of a channel, its map, and the sums and the gradient of the way back.
template <class T>
void channel_norm(Draw& draw) {
  const paser::kernels::ChannelNormShape s{draw.between(1, 3), draw.between(1, 200), draw.between(1, 40)};
  const Index all = s.groups * s.pixels * s.channels, maps = s.groups * s.channels;
  const double far = draw.pick({0.0, 0.0, 100.0});
  const auto x = draw.values<T>(all, far - 1, far + 1), dy = draw.values<T>(all),
             shift = draw.values<T>(maps, far - 1, far + 1), scale = draw.values<T>(maps, 0.5, 2),
             offset = draw.values<T>(maps, -4, 8), p = draw.values<T>(maps), q = draw.values<T>(maps),
             r = draw.values<T>(maps);
  using paser::Activation;
  const auto activation =
      draw.pick<std::optional<Activation>>({std::nullopt, Activation::relu, Activation::relu6, Activation::hardswish});
  const paser::kernels::ChannelMap<T> map{shift.data(), scale.data(), offset.data(), activation};
  const auto map_of = [&](Index i) {
    return static_cast<std::size_t>(i / (s.pixels * s.channels) * s.channels + i % s.channels);
  };
  const auto mapped = [&](Index i) {
    const std::size_t m = map_of(i);
    return (x[static_cast<std::size_t>(i)] - shift[m]) * scale[m] +
           offset[m];  // in T: whether it passes is decided there
  };
  // The activation, its slope, and how far its kinks are.
  const auto value = [&](double v) {
    if (activation == Activation::relu) return std::max(0.0, v);
    if (activation == Activation::relu6) return std::clamp(v, 0.0, 6.0);
    if (activation == Activation::hardswish) return v * std::clamp(v + 3, 0.0, 6.0) / 6;
    return v;
  };
  const auto slope = [&](double v) {
    if (activation == Activation::relu) return v > 0 ? 1.0 : 0.0;
    if (activation == Activation::relu6) return v > 0 && v < 6 ? 1.0 : 0.0;
    if (activation == Activation::hardswish) return v < -3 ? 0 : v < 3 ? v / 3 + 0.5 : 1.0;
    return 1.0;
  };
  const auto from_kink = [&](double v) {
    if (!activation) return std::numeric_limits<double>::infinity();
    return activation == Activation::hardswish ? std::min(std::abs(v - 3), std::abs(v + 3))
                                               : std::min(std::abs(v), std::abs(v - 6));
  };
  const auto sum_of = [&](Index i) {
    const std::size_t m = map_of(i);
    const auto factor = static_cast<double>(scale[m]);
    Sum v;
    v.add(static_cast<double>(x[static_cast<std::size_t>(i)]) * factor);
    v.add(-static_cast<double>(shift[m]) * factor);
    v.add(static_cast<double>(offset[m]));
    return v;
  };
  // What is let through of dy. Hardswish's slope is as wrong as what it is taken of.
  const auto let_through = [&](Index i, double factor) {
    const Sum v = sum_of(i);
    const double dy_i = static_cast<double>(dy[static_cast<std::size_t>(i)]) * factor;
    Sum g;
    g.add(slope(v.value) * dy_i, (activation == Activation::hardswish ? 1 + v.magnitude : 1) * std::abs(dy_i));
    return g;
  };

  auto y = unwritten<T>(all), dx = y;
  auto mean = unwritten<double>(maps), variance = mean, sum_dy = mean, sum_dy_d = mean;
  channel_moments(s, x.data(), mean.data(), variance.data());
  apply_channel_map(s, map, x.data(), y.data());
  channel_map_sums(s, map, x.data(), dy.data(), sum_dy.data(), sum_dy_d.data());
  apply_channel_gradient(s, map, paser::kernels::ChannelGradient<T>{p.data(), q.data(), r.data()}, x.data(), dy.data(),
                         dx.data());

  const auto n = static_cast<double>(s.pixels);
  std::vector<Sum> means(mean.size()), variances(mean.size()), sums(mean.size()), products(mean.size());
  bool on_the_edge = false;  // on which side of a kink a number lies depends on its rounding
  for (Index i = 0; i < all; ++i) {
    const std::size_t m = map_of(i), at = static_cast<std::size_t>(i);
    const auto xi = static_cast<double>(x[at]);
    means[m].add(xi / n);
    on_the_edge |= from_kink(static_cast<double>(mapped(i))) < 1e-4 * (1 + far);
    const Sum g = let_through(i, 1), gd = let_through(i, xi - static_cast<double>(shift[m]));
    sums[m].add(g.value, g.magnitude);
    products[m].add(gd.value, gd.magnitude);
  }
  for (Index i = 0; i < all; ++i) {
    const std::size_t m = map_of(i);
    const double from = static_cast<double>(x[static_cast<std::size_t>(i)]) - means[m].value;
    variances[m].add(from * from / n, from * from / n + from * from / n * far / 10);
  }
  const auto what = paser::message("norm of ", s.groups, " x ", s.pixels, " x ", s.channels, " around ", far);
  const double in_t = std::numeric_limits<T>::epsilon() / std::numeric_limits<double>::epsilon();
  agree(what + ", mean", mean, means, (n + 8) * in_t);
  agree(what + ", variance", variance, variances, (n + 8) * in_t);
  const auto y_twin = [&](Index i) {
    Sum sum = sum_of(i);
    sum.value = value(sum.value);
    return sum;
  };
  agree(what + ", map", y, y_twin, activation == Activation::hardswish ? 12 : 4);
  if (on_the_edge) return;
  agree(what + ", sum of dy", sum_dy, sums, (n + 8) * in_t);
  agree(what + ", sum of dy d", sum_dy_d, products, (n + 8) * in_t);
  const auto dx_twin = [&](Index i) {
    const std::size_t m = map_of(i), at = static_cast<std::size_t>(i);
    const auto xi = static_cast<double>(x[at]), qm = static_cast<double>(q[m]);
    Sum sum;
    const Sum g = let_through(i, static_cast<double>(p[m]));
    sum.add(g.value, g.magnitude);
    sum.add(qm * xi);
    sum.add(-qm * static_cast<double>(shift[m]));
    sum.add(static_cast<double>(r[m]));
    return sum;
  };
  agree(what + ", gradient", dx, dx_twin, 6);
}

template <class T>
void pad_and_copy(Draw& draw) {
  const Index n = draw.between(0, 2), h = draw.between(1, 12), w = draw.between(1, 12), c = draw.between(1, 20),
              top = draw.between(-8, 8), left = draw.between(-8, 8), out_h = draw.between(1, 16),
              out_w = draw.between(1, 16), stride = c + draw.between(0, 9);
  const auto x = draw.values<T>(n * h * w * c);
  auto y = unwritten<T>(n * out_h * out_w * c);
  paser::kernels::pad(n, h, w, c, top, left, out_h, out_w, T(7), x.data(), y.data());
  std::vector<T> want(y.size());
  for (std::size_t i = 0; i < y.size(); ++i) {
    const Index at = static_cast<Index>(i), row = at / c / out_w % out_h - top, column = at / c % out_w - left;
    const bool inside = row >= 0 && row < h && column >= 0 && column < w;
    want[i] =
        inside ? x[static_cast<std::size_t>(((at / c / out_w / out_h * h + row) * w + column) * c + at % c)] : T(7);
  }
  same("padding", y, want);
  if (n == 0) return;
  std::vector<T> wide(static_cast<std::size_t>((n * h * w - 1) * stride + c), T(9)), expected = wide;
  paser::kernels::copy_channels(n * h * w, c, x.data(), c, wide.data(), stride);
  for (Index i = 0; i < n * h * w * c; ++i)
    expected[static_cast<std::size_t>(i / c * stride + i % c)] = x[static_cast<std::size_t>(i)];
  same("copied channels", wide, expected);
}

template <class T>
void patches(Draw& draw) {
  const Index rows = draw.between(1, 4), columns = draw.between(1, 4), h = draw.between(1, 12), w = draw.between(1, 20);
  const paser::kernels::PatchMapShape s{draw.between(1, 2), rows * h, columns * w, draw.between(2, 20), rows, columns};
  const Index pixels = s.images * s.height * s.width, k = s.classes, size = paser::kernels::patch_statistics_size(k);
  const double most = std::log(static_cast<double>(k));
  const auto probability = draw.values<T>(pixels * k, 0, 1), entropy = draw.values<T>(pixels, 0, most),
             chosen = draw.values<T>(pixels, 0, static_cast<double>(k));
  std::vector<std::int32_t> labels(chosen.size());
  for (std::size_t i = 0; i < labels.size(); ++i)
    labels[i] = std::min(static_cast<std::int32_t>(chosen[i]), static_cast<std::int32_t>(k - 1));
  auto got = unwritten<T>(s.patches() * size);
  patch_statistics(s, probability.data(), labels.data(), entropy.data(), got.data());

  const auto n = static_cast<double>(h * w);
  std::vector<Sum> want(got.size());
  for (Index patch = 0; patch < s.patches(); ++patch) {
    Sum* const to = want.data() + patch * size;
    const Index image = patch / (rows * columns), top = patch / columns % rows * h, left = patch % columns * w;
    const auto at = [&](Index y, Index x) {
      return static_cast<std::size_t>((image * s.height + top + y) * s.width + left + x);
    };
    const auto pairs = static_cast<double>(std::max<Index>(1, h * (w - 1) + w * (h - 1)));
    const auto value = [&](Index y, Index x) { return static_cast<double>(entropy[at(y, x)]); };
    for (Index y = 0; y < h; ++y) {
      Sum row;
      for (Index x = 0; x < w; ++x) {
        const std::int32_t label = labels[at(y, x)];
        to[0].add(value(y, x) / n, most / n);
        row.add(value(y, x) / static_cast<double>(w), most / static_cast<double>(w));
        for (Index i = 0; i < 3; ++i)
          to[2 + i].add((entropy[at(y, x)] > static_cast<T>(most) * static_cast<T>(2 * i + 1) / 8 ? 1 : 0) / n, 1 / n);
        if (x + 1 < w) to[5].add((label != labels[at(y, x + 1)] ? 1 : 0) / pairs);
        if (y + 1 < h) to[5].add((label != labels[at(y + 1, x)] ? 1 : 0) / pairs);
        to[7 + label].add(1 / n);
        to[7 + 2 * k + label].add(value(y, x) / n);
        for (Index c = 0; c < k; ++c)
          to[7 + k + c].add(
              static_cast<double>(probability[at(y, x) * static_cast<std::size_t>(k) + static_cast<std::size_t>(c)]) /
              n);
      }
      if (y == 0 || row.value > to[6].value) to[6] = row;
    }
    double variance = 0;
    for (Index y = 0; y < h; ++y)
      for (Index x = 0; x < w; ++x) variance += (value(y, x) - to[0].value) * (value(y, x) - to[0].value) / n;
    // The root of a difference has half of the digits of what is subtracted.
    to[1].add(std::sqrt(variance), std::max(most, 1.0) / std::sqrt(std::numeric_limits<T>::epsilon()));
  }
  for (Index image = 0; image < s.images; ++image)
    for (Index c = 0; c < k; ++c) {
      Sum share;
      for (Index patch = 0; patch < rows * columns; ++patch)
        share.add(want[static_cast<std::size_t>((image * rows * columns + patch) * size + 7 + c)].value /
                  static_cast<double>(rows * columns));
      for (Index patch = 0; patch < rows * columns; ++patch)
        want[static_cast<std::size_t>((image * rows * columns + patch) * size + 7 + 3 * k + c)] = share;
    }
  agree(paser::message("statistics of ", rows, " x ", columns, " patches of ", h, " x ", w, " pixels, ", k, " classes"),
        got, want, n + 8);
}

}  // namespace fuzz
