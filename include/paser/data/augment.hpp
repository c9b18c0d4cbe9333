#pragma once
#include "paser/core/macros_off.inc"

#include <cmath>

#include "paser/core/mirrored.hpp"
#include "paser/core/random.hpp"
#include "paser/data/label_encoding.hpp"
#include "paser/data/stored_sample.hpp"

/// Variations of training images. What is drawn is a function of a key alone; the image and its mask change in step.
namespace paser::data {

/// What may vary. Gray values are those of [0,1].
struct Augmentation {
  bool flip_columns = false;  ///< left and right change places, with probability 1/2
  bool flip_rows = false;     ///< top and bottom change places, with probability 1/2
  bool turns = false;         ///< by 0, 90, 180 or 270 degrees; by 0 or 180 where the result must keep its size
  double gain = 0;            ///< contrast: factor uniform in 1 - gain .. 1 + gain
  double offset = 0;          ///< brightness: added, uniform in -offset .. offset
  double gamma = 0;           ///< exponent exp(u), u uniform in -gamma .. gamma

  /// Whether it changes nothing.
  bool none() const { return !flip_columns && !flip_rows && !turns && gain == 0 && offset == 0 && gamma == 0; }
};

/// A part of an image, and how it is turned over.
struct Window {
  Index row = 0, column = 0;    ///< of its upper left pixel in the image; may lie outside
  Index height = 0, width = 0;  ///< in the image
  bool flip_rows = false, flip_columns = false;
  bool transpose = false;  ///< rows become columns, after the flips: the result is width x height
};

/// x -> gain * x^gamma + offset, clipped to [0,1].
struct GrayChange {
  double gain = 1, offset = 0, gamma = 1;
};

/// Where an extent of `wanted` pixels begins in one of `all`: anywhere by draw `draw` of the key, or in the middle
/// without one. A smaller image stands in the middle of the result.
inline Index window_begin(Index all, Index wanted, const Key* key, std::uint64_t draw) {
  if (wanted >= all) return -((wanted - all) / 2);
  return key ? key->uniform_int(draw, all - wanted + 1) : (all - wanted) / 2;
}

/// The flips and turns of this key for a window, which afterwards has the same size, transposed or not. `may_turn`:
/// quarter turns are allowed, too.
inline Window drawn_window(const Augmentation& a, Key key, Window window, bool may_turn) {
  if (a.turns) {
    const Index quarters = may_turn ? key.uniform_int(0, 4) : 2 * key.uniform_int(0, 2);
    window.transpose = quarters % 2 == 1;
    window.flip_rows = quarters == 1 || quarters == 2;
    window.flip_columns = quarters == 2 || quarters == 3;
  }
  if (a.flip_rows && key.uniform_int(1, 2) == 1) window.flip_rows = !window.flip_rows;
  if (a.flip_columns && key.uniform_int(2, 2) == 1) window.flip_columns = !window.flip_columns;
  return window;
}

/// A window of `height` x `width` pixels for the result, at a random place of an image of this size, turned at random.
inline Window drawn_crop(const Augmentation& a, Key key, Index image_height, Index image_width, Index height,
                         Index width) {
  Window window = drawn_window(a, key, {}, true);
  window.height = window.transpose ? width : height;
  window.width = window.transpose ? height : width;
  window.row = window_begin(image_height, window.height, &key, 3);
  window.column = window_begin(image_width, window.width, &key, 4);
  return window;
}

/// The change of gray values of this key.
inline GrayChange drawn_gray(const Augmentation& a, Key key) {
  const auto within = [&](std::uint64_t draw, double size) { return size * (2 * key.uniform(draw) - 1); };
  return {1 + within(5, a.gain), within(6, a.offset), std::exp(within(7, a.gamma))};
}

namespace detail {

/// Position in the image of row or column `i` of a window, which may be flipped.
inline Index source_of(Index i, Index begin, Index extent, bool flip) {
  return begin + (flip ? extent - 1 - i : i);
}

/// Calls f(row, column) for each pixel of the result, with its position in the image.
template <class F>
void for_each_source(const Window& w, const F& f) {
  for (Index i = 0; i < (w.transpose ? w.width : w.height); ++i)
    for (Index j = 0; j < (w.transpose ? w.height : w.width); ++j)
      f(source_of(w.transpose ? j : i, w.row, w.height, w.flip_rows),
        source_of(w.transpose ? i : j, w.column, w.width, w.flip_columns));
}

}  // namespace detail

/// Writes a window of image 0 of (1, H, W, C) to `to`, row by row. Outside, the image is mirrored at its border.
inline void copy_window(const Tensor<float, 4>& image, const Window& window, float* to) {
  const Index h = image.shape().h(), w = image.shape().w(), c = image.shape().c();
  const float* from = image.data();
  detail::for_each_source(window, [&](Index row, Index column) {
    const Index inside = (mirrored(row, h) * w + mirrored(column, w)) * c;
    to = std::copy_n(from + inside, c, to);
  });
}

/// The same for a label map (1, H, W); outside, pixels are ignored_label.
inline void copy_window(const Labels& labels, const Window& window, std::int32_t* to) {
  const Index h = labels.shape()[1], w = labels.shape()[2];
  const std::int32_t* from = labels.data();
  detail::for_each_source(window, [&](Index row, Index column) {
    const bool inside = row >= 0 && row < h && column >= 0 && column < w;
    *to++ = inside ? from[row * w + column] : ignored_label;
  });
}

/// Changes gray values in place.
inline void change_gray(const GrayChange& change, float* values, Index count) {
  const auto gain = static_cast<float>(change.gain), offset = static_cast<float>(change.offset),
             gamma = static_cast<float>(change.gamma);
  for (Index i = 0; i < count; ++i)
    values[i] = std::clamp(gain * (gamma == 1.0f ? values[i] : std::pow(values[i], gamma)) + offset, 0.0f, 1.0f);
}

}  // namespace paser::data
#include "paser/core/macros_on.inc"
