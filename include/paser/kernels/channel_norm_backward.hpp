#pragma once
#include "paser/core/macros_off.inc"

#include "paser/kernels/channel_norm.hpp"

namespace paser::kernels {

/// Per group and channel, in double: sum_dy = the sum of dy and sum_dy_d = the sum of dy * (x - shift), where dy is
/// what the map's activation lets through.
template <class T>
void channel_map_sums(const ChannelNormShape& s, const ChannelMap<T>& map, const T* x, const T* dy, double* sum_dy,
                      double* sum_dy_d);

/// The gradient of a map whose coefficients themselves depend on x: dx = p * dy + q * (x - shift) + r per group and
/// channel, where dy is what the map's activation lets through.
template <class T>
struct ChannelGradient {
  const T *p, *q, *r;
};

/// Turns the gradient of a normalised map into that of the map.
template <class T>
void apply_channel_gradient(const ChannelNormShape& s, const ChannelMap<T>& map, const ChannelGradient<T>& gradient,
                            const T* x, const T* dy, T* dx);

}  // namespace paser::kernels

#ifndef PASER_COMPILED

#include "paser/core/float_state.hpp"

namespace paser::kernels {

namespace detail {

/// A packet of the dy that the map's activation, F, lets through, and of x - shift.
template <class F, class T>
struct MapGradient {
  simd::Packet<T> dy, d;

  MapGradient(const T* gradient, const T* x, const T* shift, const T* scale, const T* offset)
      : dy(simd::load(gradient)), d(simd::sub(simd::load(x), simd::load(shift))) {
    dy = F::gradient(simd::fma(d, simd::load(scale), simd::load(offset)), dy);
  }
};

}  // namespace detail

template <class T>
void channel_map_sums(const ChannelNormShape& s, const ChannelMap<T>& map, const T* x, const T* dy, double* sum_dy,
                      double* sum_dy_d) {
  const detail::GroupPieces<T> cut(s);
  const LaneRow row = cut.row;
  const Index c = s.channels;
  Scratch<double> scratch(static_cast<std::size_t>(2 * s.groups * cut.pieces * c));
  double* const partial = scratch.data();
  cut.for_each(s, [&](Index item, Index group, Index first, Index pixels) {
    const Index begin = (group * s.pixels + first) * c;
    detail::LaneTables<T> tables(row, c, 3);
    const T* const shift = tables.fill(0, map.shift + group * c);
    const T* const scale = tables.fill(1, map.scale + group * c);
    const T* const offset = tables.fill(2, map.offset + group * c);
    std::vector<double> sums(static_cast<std::size_t>(2 * row.lanes), 0.0);
    double *const a = sums.data(), *const b = a + row.lanes;
    const auto run = [&](auto f, Index rows, const T* from, const T* gradient) {
      lane_sums<T>(
          rows, row.lanes,
          [=](Index position, Index lane, auto& sum, auto& product) {
            const detail::MapGradient<decltype(f), T> g(gradient + position, from + position, shift + lane,
                                                        scale + lane, offset + lane);
            sum = simd::add(sum, g.dy);
            product = simd::fma(g.dy, g.d, product);
          },
          a, b);
    };
    with_map_activation(map, [&](auto f) {
      const Index rest = pixels % row.pixels, done = begin + (pixels - rest) * c;
      run(f, pixels / row.pixels, x + begin, dy + begin);
      if (rest == 0) return;
      Scratch<T> last(static_cast<std::size_t>(2 * row.lanes));
      std::fill_n(last.data() + row.lanes, row.lanes, T(0));
      std::copy_n(dy + done, rest * c, last.data() + row.lanes);
      run(f, 1, detail::complete_row(x + done, rest * c, shift, row.lanes, last.data()), last.data() + row.lanes);
    });
    for (Index k = 0; k < c; ++k) {
      double* const to = partial + 2 * item * c + k;
      to[0] = to[c] = 0;
      for (Index lane = k; lane < row.lanes; lane += c) {
        to[0] += a[lane];
        to[c] += b[lane];
      }
    }
  });
  const FlushDenormals flush;
  for (Index group = 0; group < s.groups; ++group)
    for (Index k = 0; k < c; ++k) {
      double a = 0, b = 0;
      for (Index p = 0; p < cut.pieces; ++p) {
        const double* const from = partial + 2 * (group * cut.pieces + p) * c + k;
        a += from[0];
        b += from[c];
      }
      sum_dy[group * c + k] = a;
      sum_dy_d[group * c + k] = b;
    }
}

template <class T>
void apply_channel_gradient(const ChannelNormShape& s, const ChannelMap<T>& map, const ChannelGradient<T>& gradient,
                            const T* x, const T* dy, T* dx) {
  const detail::GroupPieces<T> cut(s);
  const LaneRow row = cut.row;
  const Index c = s.channels;
  cut.for_each(s, [&](Index, Index group, Index first, Index pixels) {
    const Index begin = (group * s.pixels + first) * c;
    detail::LaneTables<T> tables(row, c, 6);
    const T* const shift = tables.fill(0, map.shift + group * c);
    const T* const scale = tables.fill(1, map.scale + group * c);
    const T* const offset = tables.fill(2, map.offset + group * c);
    const T* const p = tables.fill(3, gradient.p + group * c);
    const T* const q = tables.fill(4, gradient.q + group * c);
    const T* const r = tables.fill(5, gradient.r + group * c);
    const auto run = [&](auto f, Index rows, const T* from, const T* from_dy, T* to) {
      for (Index i = 0; i < rows; ++i, from += row.lanes, from_dy += row.lanes, to += row.lanes)
        for (Index lane = 0; lane < row.lanes; lane += simd::width<T>) {
          const detail::MapGradient<decltype(f), T> g(from_dy + lane, from + lane, shift + lane, scale + lane,
                                                      offset + lane);
          const auto rest = simd::fma(simd::load(q + lane), g.d, simd::load(r + lane));
          simd::store(to + lane, simd::fma(simd::load(p + lane), g.dy, rest));
        }
    };
    with_map_activation(map, [&](auto f) {
      const Index rest = pixels % row.pixels, done = begin + (pixels - rest) * c;
      run(f, pixels / row.pixels, x + begin, dy + begin, dx + begin);
      if (rest == 0) return;
      Scratch<T> last(static_cast<std::size_t>(2 * row.lanes));
      T* const last_dy = last.data() + row.lanes;
      std::fill_n(last_dy, row.lanes, T(0));
      std::copy_n(dy + done, rest * c, last_dy);
      run(f, 1, detail::complete_row(x + done, rest * c, shift, row.lanes, last.data()), last_dy, last_dy);
      std::copy_n(last_dy, rest * c, dx + done);
    });
  });
}

}  // namespace paser::kernels

#endif
#include "paser/core/macros_on.inc"
