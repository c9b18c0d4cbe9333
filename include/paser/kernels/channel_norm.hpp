#pragma once
#include "paser/core/macros_off.inc"

#include <optional>

#include "paser/core/shape.hpp"
#include "paser/kernels/activation.hpp"

/// The loops under every normalisation by channel. An array is seen as (groups, pixels, channels) with statistics per
/// group and channel: instance norm has a group an image, batch norm one group in all, and group norm merges the
/// channels of an instance norm.
namespace paser::kernels {

/// Groups of pixels that are normalised together, pixels of each group, and channels.
struct ChannelNormShape {
  Index groups, pixels, channels;
};

/// y = (x - shift) * scale + offset, and the activation of that, if any. Each array has groups * channels elements.
/// Subtracting first keeps the digits of a channel whose mean is large against its spread.
template <class T>
struct ChannelMap {
  const T *shift, *scale, *offset;
  std::optional<Activation> activation{};  ///< fits_channel_map
};

/// Whether a channel map takes the activation along: the way back computes its derivative twice, so that this must not
/// be expensive.
inline bool fits_channel_map(Activation f) {
  return f == Activation::relu || f == Activation::relu6 || f == Activation::hardswish;
}

/// Mean and biased variance per group and channel, in double.
template <class T>
void channel_moments(const ChannelNormShape& s, const T* x, double* mean, double* variance);

/// y = map(x).
template <class T>
void apply_channel_map(const ChannelNormShape& s, const ChannelMap<T>& map, const T* x, T* y);

}  // namespace paser::kernels

#ifndef PASER_COMPILED

#include <algorithm>
#include <vector>

#include "paser/core/error.hpp"
#include "paser/core/memory.hpp"
#include "paser/core/parallel.hpp"
#include "paser/kernels/loops/lane_sums.hpp"

namespace paser::kernels {

namespace detail {

/// Cuts each group into pieces of whole lane rows; their number depends on the shape alone.
template <class T>
struct GroupPieces {
  LaneRow row;
  Index piece, pieces;  // pixels a piece, pieces a group

  explicit GroupPieces(const ChannelNormShape& s) : row(LaneRow::of<T>(s.channels)) {
    const Index rows = std::max<Index>(1, (Index{1} << 15) / row.lanes);
    piece = rows * row.pixels;
    pieces = std::max<Index>(1, (s.pixels + piece - 1) / piece);
  }

  /// f(item, group, first pixel, number of pixels) for all pieces, in parallel; groups of few pixels share a task.
  template <class F>
  void for_each(const ChannelNormShape& s, const F& f) const {
    const Index grain = std::max<Index>(1, 8192 / std::max<Index>(1, std::min(piece, s.pixels) * s.channels));
    parallel_for(s.groups * pieces, grain, [&](Index begin, Index end) {
      for (Index i = begin; i < end; ++i) {
        const Index first = i % pieces * piece;
        f(i, i / pieces, first, std::min(piece, s.pixels - first));
      }
    });
  }
};

/// One table per channel, repeated to fill a lane row.
template <class T>
class LaneTables {
 public:
  LaneTables(const LaneRow& row, Index channels, int count)
      : row_(row), channels_(channels), values_(static_cast<std::size_t>(row.lanes * count)) {}

  const T* fill(int table, const T* per_channel) {
    T* const lanes = values_.data() + table * row_.lanes;
    for (Index p = 0; p < row_.pixels; ++p) std::copy_n(per_channel, channels_, lanes + p * channels_);
    return lanes;
  }

 private:
  LaneRow row_;
  Index channels_;
  Scratch<T> values_;
};

/// The pixels that do not fill a lane row, completed by `filler` (a lane row of values without effect).
template <class T>
const T* complete_row(const T* x, Index count, const T* filler, Index lanes, T* row) {
  std::copy_n(x, count, row);
  std::copy_n(filler + count, lanes - count, row + count);
  return row;
}

}  // namespace detail

namespace detail {

/// Mean, and sum of squared deviations from it, per channel over `pixels` pixels that lie one after the other, on this
/// thread. Sums run over x - (the median of three pixels), so they neither cancel nor overflow when the mean is large,
/// nor when one pixel lies far off.
template <class T>
void piece_moments(const LaneRow& row, Index pixels, Index channels, const T* x, double* mean, double* m2) {
  LaneTables<T> tables(row, channels, 2);
  Scratch<T> medians(static_cast<std::size_t>(channels));
  T* const median = medians.data();
  for (Index k = 0; k < channels; ++k) {
    const T first = x[k], middle = x[pixels / 2 * channels + k], last = x[(pixels - 1) * channels + k];
    median[k] = std::max(std::min(first, middle), std::min(std::max(first, middle), last));
  }
  const T* const shift = tables.fill(0, median);
  std::vector<double> sums(static_cast<std::size_t>(2 * row.lanes), 0.0);
  double *const a = sums.data(), *const b = a + row.lanes;
  const auto add = [shift](const T* data) {
    return [shift, data](Index position, Index lane, auto& sum, auto& squares) {
      const auto d = simd::sub(simd::load(data + position), simd::load(shift + lane));
      sum = simd::add(sum, d);
      squares = simd::fma(d, d, squares);
    };
  };
  lane_sums<T>(pixels / row.pixels, row.lanes, add(x), a, b);
  if (const Index rest = pixels % row.pixels; rest > 0) {
    Scratch<T> last(static_cast<std::size_t>(row.lanes));
    const T* const from = x + (pixels - rest) * channels;
    lane_sums<T>(1, row.lanes, add(complete_row(from, rest * channels, shift, row.lanes, last.data())), a, b);
  }
  const double inverse = 1 / static_cast<double>(pixels);
  for (Index k = 0; k < channels; ++k) {
    double sum = 0, squares = 0;
    for (Index lane = k; lane < row.lanes; lane += channels) {
      sum += a[lane];
      squares += b[lane];
    }
    mean[k] = static_cast<double>(median[k]) + sum * inverse;
    m2[k] = squares - sum * sum * inverse;
  }
}

/// Mean and biased variance per group and channel from those of its pieces: partial holds (group, piece, mean and m2,
/// channel), count(piece) is a piece's number of pixels. Pieces are merged in order by the update of Chan, Golub and
/// LeVeque (1979).
template <class F>
void merge_moments(Index groups, Index pieces, Index channels, const double* partial, const F& count, double* mean,
                   double* variance) {
  parallel_for(groups, std::max<Index>(1, 1024 / std::max<Index>(1, pieces * channels)), [&](Index begin, Index end) {
    for (Index group = begin; group < end; ++group)
      for (Index k = 0; k < channels; ++k) {
        double m = 0, m2 = 0, n = 0;
        for (Index p = 0; p < pieces; ++p) {
          const double* const from = partial + 2 * (group * pieces + p) * channels + k;
          const auto more = static_cast<double>(count(p));
          const double delta = from[0] - m;
          m2 += from[channels] + delta * delta * (n * more / (n + more));
          n += more;
          m += delta * (more / n);
        }
        mean[group * channels + k] = m;
        variance[group * channels + k] = m2 < 0 ? 0 : m2 / n;
      }
  });
}

}  // namespace detail

/// Calls run with NoActivation or ActivationOfInput, as the map says.
template <class T, class Run>
void with_map_activation(const ChannelMap<T>& map, const Run& run) {
  if (!map.activation) return run(NoActivation<T>{});
  switch (*map.activation) {
    case Activation::relu:
      return run(ActivationOfInput<Activation::relu, T>{});
    case Activation::relu6:
      return run(ActivationOfInput<Activation::relu6, T>{});
    case Activation::hardswish:
      return run(ActivationOfInput<Activation::hardswish, T>{});
    default:
      throw ValueError("a channel map takes no activation but relu, relu6 and hardswish");
  }
}

template <class T>
void channel_moments(const ChannelNormShape& s, const T* x, double* mean, double* variance) {
  const detail::GroupPieces<T> cut(s);
  const Index c = s.channels;
  Scratch<double> scratch(static_cast<std::size_t>(2 * s.groups * cut.pieces * c));
  double* const partial = scratch.data();
  cut.for_each(s, [&](Index item, Index group, Index first, Index pixels) {
    double* const to = partial + 2 * item * c;
    detail::piece_moments(cut.row, pixels, c, x + (group * s.pixels + first) * c, to, to + c);
  });
  const auto count = [&](Index piece) { return std::min(cut.piece, s.pixels - piece * cut.piece); };
  detail::merge_moments(s.groups, cut.pieces, c, partial, count, mean, variance);
}

template <class T>
void apply_channel_map(const ChannelNormShape& s, const ChannelMap<T>& map, const T* x, T* y) {
  const detail::GroupPieces<T> cut(s);
  const LaneRow row = cut.row;
  const Index c = s.channels;
  cut.for_each(s, [&](Index, Index group, Index first, Index pixels) {
    detail::LaneTables<T> tables(row, c, 3);
    const T* const shift = tables.fill(0, map.shift + group * c);
    const T* const scale = tables.fill(1, map.scale + group * c);
    const T* const offset = tables.fill(2, map.offset + group * c);
    const auto run = [&](auto f, Index rows, const T* from, T* to) {
      for (Index r = 0; r < rows; ++r, from += row.lanes, to += row.lanes)
        for (Index lane = 0; lane < row.lanes; lane += simd::width<T>) {
          const auto d = simd::sub(simd::load(from + lane), simd::load(shift + lane));
          simd::store(to + lane, f.value(simd::fma(d, simd::load(scale + lane), simd::load(offset + lane))));
        }
    };
    with_map_activation(map, [&](auto f) {
      const Index rest = pixels % row.pixels, done = (group * s.pixels + first + pixels - rest) * c;
      run(f, pixels / row.pixels, x + (group * s.pixels + first) * c, y + (group * s.pixels + first) * c);
      if (rest == 0) return;
      Scratch<T> last(static_cast<std::size_t>(row.lanes));
      run(f, 1, detail::complete_row(x + done, rest * c, shift, row.lanes, last.data()), last.data());
      std::copy_n(last.data(), rest * c, y + done);
    });
  });
}

}  // namespace paser::kernels

#endif
#include "paser/core/macros_on.inc"
