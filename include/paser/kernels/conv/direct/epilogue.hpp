#pragma once
#include "paser/core/macros_off.inc"

#include "paser/kernels/conv/direct/problem.hpp"

/// What the direct convolutions do to the part of y that they just wrote, while it is in cache.
namespace paser::kernels::direct {

/// Adds the addend to, and takes the ReLU, the limit and the activation of, `channels` channels from `first` on of
/// `pixels` pixels of one image, from pixel `pixel` of the image on.
template <class T>
void finish_pixels(const Problem<T>& p, Index image, Index pixel, Index pixels, Index first, Index channels) {
  const ConvEpilogue<T>& e = p.epilogue;
  const bool adds = e.addend != nullptr || e.relu || e.limited();
  if (!adds && !e.activation) return;
  constexpr Index width = simd::width<T>;
  const Index stride = p.out * p.groups, size = p.out_rows * p.out_columns * stride, at = pixel * stride + first;
  T* const y = p.y + image * size + at;
  const T* const addend = e.addend == nullptr ? nullptr : e.addend + image % e.addend_images * size + at;
  // Pixels side by side are one long pixel.
  const bool joined = channels == stride;
  const Index runs = joined ? 1 : pixels, length = joined ? pixels * channels : channels;
  const auto zero = simd::zero<T>(), highest = simd::broadcast(e.highest);
  const auto finish = [&](auto v, Index i) {
    if (addend != nullptr) v = v + addend[i];
    if (e.relu && v < T(0)) return T(0);
    return v > e.highest ? e.highest : v;
  };
  for (Index run = 0; run < runs; ++run) {
    const Index begin = run * stride, end = begin + length;
    Index i = adds ? begin : end;
    for (; i + width <= end; i += width) {
      auto v = simd::load(y + i);
      if (addend != nullptr) v = simd::add(v, simd::load(addend + i));
      if (e.relu) v = simd::select(simd::less(v, zero), zero, v);
      if (e.limited()) v = simd::select(simd::less(highest, v), highest, v);
      simd::store(y + i, v);
    }
    for (; i < end; ++i) y[i] = finish(y[i], i);
    if (e.activation) activate_piece(*e.activation, length, y + begin);
  }
}

/// The moments of y, taken piece by piece. Every image is cut into the same pieces, by the shape alone.
template <class T>
class PieceMoments {
 public:
  /// `units` units of `unit` pixels an image, cut into `pieces` by part(). `taken` is false when nobody will call take:
  /// finish then reads all of y once more.
  PieceMoments(const Problem<T>& p, Index units, Index unit, Index pieces, bool taken)
      : p_(p),
        units_(units),
        unit_(unit),
        pieces_(pieces),
        taken_(taken && p.epilogue.mean != nullptr),
        channels_(p.out * p.groups),
        row_(LaneRow::of<T>(channels_)),
        partial_(static_cast<std::size_t>(taken_ ? 2 * p.images * pieces * channels_ : 0)),
        to_(partial_.data()) {}

  /// Piece `piece` of y of an image is written.
  void take(Index image, Index piece) const {
    if (!taken_) return;
    double* const to = to_ + 2 * (image * pieces_ + piece) * channels_;
    const Range units = part(units_, pieces_, piece);
    const T* const y = p_.y + (image * units_ + units.first) * unit_ * channels_;
    kernels::detail::piece_moments(row_, units.size() * unit_, channels_, y, to, to + channels_);
  }

  void finish() const {
    double *const mean = p_.epilogue.mean, *const variance = p_.epilogue.variance;
    if (taken_) {
      const auto count = [&](Index piece) { return part(units_, pieces_, piece).size() * unit_; };
      kernels::detail::merge_moments(p_.images, pieces_, channels_, to_, count, mean, variance);
    } else if (mean != nullptr) {
      channel_moments({p_.images, units_ * unit_, channels_}, p_.y, mean, variance);
    }
  }

 private:
  const Problem<T>& p_;
  Index units_, unit_, pieces_;
  bool taken_;
  Index channels_;
  LaneRow row_;
  Scratch<double> partial_;
  double* to_;
};

}  // namespace paser::kernels::direct
#include "paser/core/macros_on.inc"
