#pragma once
#include "paser/core/macros_off.inc"

#include "paser/core/shape.hpp"

namespace paser::kernels {

/// The statistics of each row: normalised x is (x - shift) * rstd + offset. shift is the mean as T can hold it, and
/// offset what that rounding leaves.
template <class T>
struct RowStatistics {
  T *shift, *rstd, *offset;
};

/// y = (x - mean) / sqrt(variance + eps) * weight + bias over each of `rows` rows of n; writes the statistics too.
template <class T>
void layer_norm_forward(Index rows, Index n, double eps, const T* x, const T* weight, const T* bias,
                        const RowStatistics<T>& s, T* y);

/// dx = rstd * (g - mean(g) - xhat * mean(g * xhat)) with g = dy * weight, row by row.
template <class T>
void layer_norm_backward_input(Index rows, Index n, const T* x, const T* weight, const RowStatistics<T>& s, const T* dy,
                               T* dx);

/// dweight = sum over rows of dy * xhat, dbias = sum over rows of dy. Rows are cut into pieces whose number depends on
/// the data alone, each summed in double.
template <class T>
void layer_norm_backward_weights(Index rows, Index n, const T* x, const RowStatistics<T>& s, const T* dy, T* dweight,
                                 T* dbias);

}  // namespace paser::kernels

#ifndef PASER_COMPILED

#include <algorithm>
#include <cmath>

#include "paser/core/memory.hpp"
#include "paser/core/parallel.hpp"
#include "paser/core/simd.hpp"

namespace paser::kernels {

namespace detail {

/// The sum of f(i), packets of n elements; the last, partial packet is handed to f as position and length.
template <class T, class F>
double packet_sum(Index n, const F& f) {
  constexpr Index width = simd::width<T>;
  auto a = simd::zero<T>(), b = a;
  Index i = 0;
  for (; i + 2 * width <= n; i += 2 * width) {
    a = simd::add(a, f(i, width));
    b = simd::add(b, f(i + width, width));
  }
  if (i + width <= n) {
    a = simd::add(a, f(i, width));
    i += width;
  }
  if (i < n) b = simd::add(b, f(i, n - i));
  return static_cast<double>(simd::sum<T>(simd::add(a, b)));
}

template <class T>
simd::Packet<T> load_up_to(const T* p, Index count) {
  return count == simd::width<T> ? simd::load(p) : simd::load_partial(p, count);
}
template <class T>
void store_up_to(T* p, const simd::Packet<T>& v, Index count) {
  count == simd::width<T> ? simd::store(p, v) : simd::store_partial(p, v, count);
}

/// f(position, length) for all packets of n elements.
template <class T, class F>
void for_packets(Index n, const F& f) {
  constexpr Index width = simd::width<T>;
  Index i = 0;
  for (; i + width <= n; i += width) f(i, width);
  if (i < n) f(i, n - i);
}

}  // namespace detail

namespace detail {

/// A packet of normalised x.
template <class T>
struct RowNormal {
  simd::Packet<T> shift, rstd, offset;

  RowNormal(const RowStatistics<T>& s, Index row)
      : shift(simd::broadcast(s.shift[row])),
        rstd(simd::broadcast(s.rstd[row])),
        offset(simd::broadcast(s.offset[row])) {}
  simd::Packet<T> operator()(const T* x, Index count) const {
    return simd::fma(simd::sub(load_up_to(x, count), shift), rstd, offset);
  }
};

template <class T>
void row_statistics(Index n, double eps, const T* x, T* shift, T* rstd, T* offset) {
  const auto count_of = static_cast<double>(n);
  const auto near =
      static_cast<T>(packet_sum<T>(n, [&](Index i, Index count) { return load_up_to(x + i, count); }) / count_of);
  const auto centre = simd::broadcast(near);
  const auto centred = [&](Index i, Index count) {
    if (count == simd::width<T>) return simd::sub(simd::load(x + i), centre);
    T values[simd::width<T>];
    std::fill_n(values, simd::width<T>, near);  // behind the end of the row: zeros
    std::copy_n(x + i, count, values);
    return simd::sub(simd::load(values), centre);
  };
  const double error = packet_sum<T>(n, centred) / count_of;
  const double squares = packet_sum<T>(n, [&](Index i, Index count) {
    const auto d = centred(i, count);
    return simd::mul(d, d);
  });
  const double variance = squares / count_of - error * error;
  const double r = 1 / std::sqrt((variance < 0 ? 0 : variance) + eps);
  *shift = near;
  *rstd = static_cast<T>(r);
  *offset = static_cast<T>(-error * r);
}

}  // namespace detail

template <class T>
void layer_norm_forward(Index rows, Index n, double eps, const T* x, const T* weight, const T* bias,
                        const RowStatistics<T>& s, T* y) {
  parallel_for(rows, std::max<Index>(1, 8192 / n), [&](Index begin, Index end) {
    for (Index row = begin; row < end; ++row) {
      const T* const from = x + row * n;
      detail::row_statistics(n, eps, from, s.shift + row, s.rstd + row, s.offset + row);
      const detail::RowNormal<T> xhat(s, row);
      detail::for_packets<T>(n, [&](Index i, Index count) {
        const auto w = detail::load_up_to(weight + i, count), b = detail::load_up_to(bias + i, count);
        detail::store_up_to(y + row * n + i, simd::fma(xhat(from + i, count), w, b), count);
      });
    }
  });
}

template <class T>
void layer_norm_backward_input(Index rows, Index n, const T* x, const T* weight, const RowStatistics<T>& s, const T* dy,
                               T* dx) {
  parallel_for(rows, std::max<Index>(1, 8192 / n), [&](Index begin, Index end) {
    for (Index row = begin; row < end; ++row) {
      const T *const from = x + row * n, *const gradient = dy + row * n;
      const detail::RowNormal<T> xhat(s, row);
      const auto g = [&](Index i, Index count) {
        return simd::mul(detail::load_up_to(gradient + i, count), detail::load_up_to(weight + i, count));
      };
      const auto g_xhat = [&](Index i, Index count) { return simd::mul(g(i, count), xhat(from + i, count)); };
      const double inverse = 1 / static_cast<double>(n);
      const auto mean_g = simd::broadcast(static_cast<T>(inverse * detail::packet_sum<T>(n, g)));
      const auto mean_g_xhat = simd::broadcast(static_cast<T>(inverse * detail::packet_sum<T>(n, g_xhat)));
      detail::for_packets<T>(n, [&](Index i, Index count) {
        const auto rest = simd::sub(simd::sub(g(i, count), mean_g), simd::mul(xhat(from + i, count), mean_g_xhat));
        detail::store_up_to(dx + row * n + i, simd::mul(rest, xhat.rstd), count);
      });
    }
  });
}

template <class T>
void layer_norm_backward_weights(Index rows, Index n, const T* x, const RowStatistics<T>& s, const T* dy, T* dweight,
                                 T* dbias) {
  const Index piece = std::max<Index>(64, (rows + 63) / 64), pieces = (rows + piece - 1) / piece;
  Scratch<double> scratch(static_cast<std::size_t>(2 * pieces * n));
  parallel_each(pieces, [&](Index p) {
    double *const a = scratch.data() + 2 * p * n, *const b = a + n;
    std::fill_n(a, 2 * n, 0.0);
    for (Index row = p * piece; row < std::min(rows, (p + 1) * piece); ++row)
      for (Index i = 0; i < n; ++i) {
        const T g = dy[row * n + i];
        a[i] += static_cast<double>(g * ((x[row * n + i] - s.shift[row]) * s.rstd[row] + s.offset[row]));
        b[i] += static_cast<double>(g);
      }
  });
  for (Index i = 0; i < n; ++i) {
    double a = 0, b = 0;
    for (Index p = 0; p < pieces; ++p) {
      a += scratch.data()[2 * p * n + i];
      b += scratch.data()[(2 * p + 1) * n + i];
    }
    dweight[i] = static_cast<T>(a);
    dbias[i] = static_cast<T>(b);
  }
}

}  // namespace paser::kernels

#endif
#include "paser/core/macros_on.inc"
