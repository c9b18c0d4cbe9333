#pragma once
#include "paser/core/macros_off.inc"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "paser/core/tensor.hpp"
#include "paser/data/label_encoding.hpp"

/// Pictures of label maps, entropy maps and masks.
namespace paser::report {

/// An image for people to look at: (1, height, width, 3), RGB of 8 bits.
using Picture = Tensor<std::uint8_t, 4>;

/// A colour of 8 bits per channel.
struct Rgb {
  std::uint8_t r = 0, g = 0, b = 0;
  constexpr bool operator==(const Rgb&) const = default;
};

/// Eight colours that stay apart for all common kinds of colour blindness (Okabe and Ito, "Color universal design",
/// 2008), black first. Class k of a label map is drawn in label_palette[k % 8].
inline constexpr std::array<Rgb, 8> label_palette{{{0, 0, 0},
                                                   {230, 159, 0},
                                                   {86, 180, 233},
                                                   {0, 158, 115},
                                                   {240, 228, 66},
                                                   {0, 114, 178},
                                                   {213, 94, 0},
                                                   {204, 121, 167}}};

/// Background black and foreground white, for two-class masks.
inline constexpr std::array<Rgb, 2> mask_palette{{{0, 0, 0}, {255, 255, 255}}};

/// Pixels of no class in label maps: a gray that neither palette has.
inline constexpr Rgb no_class_colour{128, 128, 128};

/// Dark violet over teal to yellow; lightness grows evenly with v, so the map reads in gray too. Anchors in between are
/// interpolated. v in [0,1], clamped; NaN is gray.
inline Rgb heat(double v) {
  constexpr std::array<std::array<double, 3>, 9> anchors{{{68, 4, 84},
                                                          {71, 44, 122},
                                                          {59, 81, 139},
                                                          {44, 113, 142},
                                                          {33, 144, 141},
                                                          {39, 173, 129},
                                                          {92, 200, 99},
                                                          {170, 220, 50},
                                                          {252, 230, 38}}};
  if (!(v == v)) return {128, 128, 128};
  const double position = std::clamp(v, 0.0, 1.0) * (anchors.size() - 1);
  const auto low = std::min(static_cast<std::size_t>(position), anchors.size() - 2);
  const double t = position - static_cast<double>(low);
  const auto channel = [&](std::size_t c) {
    return static_cast<std::uint8_t>(std::lround((1 - t) * anchors[low][c] + t * anchors[low + 1][c]));
  };
  return {channel(0), channel(1), channel(2)};
}

namespace detail {

/// A picture of height x width whose pixel p = y * width + x is colour(p).
template <class Colour>
Picture paint(Index height, Index width, const Colour& colour) {
  Picture picture({1, height, width, 3});
  std::uint8_t* out = picture.mutable_data();
  for (Index p = 0; p < height * width; ++p) {
    const Rgb rgb = colour(p);
    out[3 * p] = rgb.r;
    out[3 * p + 1] = rgb.g;
    out[3 * p + 2] = rgb.b;
  }
  return picture;
}

inline void check_image(const char* where, Index n, Index count) {
  check(n >= 0 && n < count, where, "image ", n, " of a batch of ", count);
}

/// Whether a label names a class; a negative one and data::ignored_label do not.
inline bool is_class(std::int32_t label) {
  return label >= 0 && label != data::ignored_label;
}

inline void check_opacity(const char* where, double opacity) {
  check<ValueError>(opacity >= 0 && opacity <= 1, where, "expected an opacity in [0,1], got ", opacity);
}

/// A share `opacity` of the pixel becomes `colour`.
inline void tint(std::uint8_t* pixel, Rgb colour, double opacity) {
  const auto blend = [opacity](std::uint8_t below, std::uint8_t above) {
    return static_cast<std::uint8_t>(std::lround((1 - opacity) * below + opacity * above));
  };
  pixel[0] = blend(pixel[0], colour.r);
  pixel[1] = blend(pixel[1], colour.g);
  pixel[2] = blend(pixel[2], colour.b);
}

}  // namespace detail

/// The colours of models 0, 1, ... in route pictures and on the page (the same palette, other order): sky blue, orange,
/// green, purple, blue, vermilion, yellow, gray. Model m in model_palette[m % 8].
inline constexpr std::array<Rgb, 8> model_palette{{{86, 180, 233},
                                                   {230, 159, 0},
                                                   {0, 158, 115},
                                                   {204, 121, 167},
                                                   {0, 114, 178},
                                                   {213, 94, 0},
                                                   {185, 169, 0},
                                                   {107, 114, 128}}};

/// Image n of a batch of label maps (N, H, W); class k in palette[k % size], a negative label and
/// data::ignored_label in no_class_colour.
inline Picture label_picture(const Labels& labels, Index n = 0, std::span<const Rgb> palette = label_palette) {
  const auto& shape = labels.shape();
  detail::check_image("label_picture", n, shape[0]);
  const std::int32_t* in = labels.data() + n * shape[1] * shape[2];
  return detail::paint(shape[1], shape[2], [&](Index p) {
    return detail::is_class(in[p]) ? palette[static_cast<std::size_t>(in[p]) % palette.size()] : no_class_colour;
  });
}

/// Image n of a batch (N, H, W, 1 or 3) with values in [0,1], in gray or RGB.
template <class T>
Picture image_picture(const Tensor<T, 4>& images, Index n = 0) {
  const auto& shape = images.shape();
  detail::check_image("image_picture", n, shape.n());
  check(shape.c() == 1 || shape.c() == 3, "image_picture", "expected 1 or 3 channels, got ", shape);
  const T* in = images.data() + n * shape.h() * shape.w() * shape.c();
  const auto byte = [](T v) {
    return static_cast<std::uint8_t>(std::lround(255 * std::clamp(static_cast<double>(v), 0.0, 1.0)));
  };
  return detail::paint(shape.h(), shape.w(), [&](Index p) {
    return shape.c() == 1 ? Rgb{byte(in[p]), byte(in[p]), byte(in[p])}
                          : Rgb{byte(in[3 * p]), byte(in[3 * p + 1]), byte(in[3 * p + 2])};
  });
}

/// Channel c of image n of a map (N, H, W, C), such as an entropy in nats or a probability, by heat colours from `low`
/// (dark) to `high` (bright).
template <class T>
Picture heat_picture(const Tensor<T, 4>& map, double low, double high, Index n = 0, Index c = 0) {
  const auto& shape = map.shape();
  detail::check_image("heat_picture", n, shape.n());
  check(c >= 0 && c < shape.c(), "heat_picture", "channel ", c, " of ", shape);
  check<ValueError>(high > low, "heat_picture", "the range ", low, " to ", high, " is empty");
  const T* in = map.data() + n * shape.h() * shape.w() * shape.c() + c;
  return detail::paint(shape.h(), shape.w(),
                       [&](Index p) { return heat((static_cast<double>(in[p * shape.c()]) - low) / (high - low)); });
}

/// The picture with the outlines of the regions of a label map (image n) drawn over it: a pixel is on the outline when
/// its right or lower neighbour has another class. Throws ShapeError when the sizes differ.
inline Picture overlay_contours(Picture picture, const Labels& labels, Index n = 0, Rgb colour = {213, 94, 0}) {
  const auto& shape = labels.shape();
  detail::check_image("overlay_contours", n, shape[0]);
  const Index h = shape[1], w = shape[2];
  check(picture.shape() == Shape{Index{1}, h, w, Index{3}}, "overlay_contours", "picture ", picture.shape(),
        " and labels ", shape, " differ in size");
  const std::int32_t* in = labels.data() + n * h * w;
  std::uint8_t* out = picture.mutable_data();
  for (Index y = 0; y < h; ++y)
    for (Index x = 0; x < w; ++x) {
      const Index p = y * w + x;
      if ((x + 1 < w && in[p] != in[p + 1]) || (y + 1 < h && in[p] != in[p + w])) {
        out[3 * p] = colour.r;
        out[3 * p + 1] = colour.g;
        out[3 * p + 2] = colour.b;
      }
    }
  return picture;
}

/// The picture with the label map (image n) laid over it: a share `opacity` in [0,1] of each pixel is its class's
/// colour. Negative labels, data::ignored_label, and `clear` where it is given, leave the picture as it is. Throws
/// ShapeError when the sizes differ, ValueError on an opacity outside [0,1].
inline Picture overlay_labels(Picture picture, const Labels& labels, Index n = 0, double opacity = 0.45,
                              std::span<const Rgb> palette = label_palette, std::optional<std::int32_t> clear = {}) {
  const auto& shape = labels.shape();
  detail::check_image("overlay_labels", n, shape[0]);
  const Index pixels = shape[1] * shape[2];
  check(picture.shape() == Shape{Index{1}, shape[1], shape[2], Index{3}}, "overlay_labels", "picture ", picture.shape(),
        " and labels ", shape, " differ in size");
  detail::check_opacity("overlay_labels", opacity);
  const std::int32_t* in = labels.data() + n * pixels;
  std::uint8_t* out = picture.mutable_data();
  for (Index p = 0; p < pixels; ++p)
    if (detail::is_class(in[p]) && in[p] != clear)
      detail::tint(out + 3 * p, palette[static_cast<std::size_t>(in[p]) % palette.size()], opacity);
  return picture;
}

/// Which model answered where: the picture under the colours of the models (model_palette), patch by patch, with solid
/// borders of one pixel, so that patches stay apart when neighbours went to one model. actions: (N, P), P = grid.rows *
/// grid.columns, image n of them; grid is a data::PatchGrid. Throws ShapeError when the picture does not divide into
/// the grid or the actions do not fit it, ValueError on an opacity outside [0,1] or a negative action.
template <class Grid>
Picture route_picture(Picture picture, const Tensor<std::int32_t, 2>& actions, const Grid& grid, Index n = 0,
                      double opacity = 0.35, std::span<const Rgb> palette = model_palette) {
  const Index h = picture.shape().h(), w = picture.shape().w(), rows = grid.rows, columns = grid.columns;
  detail::check_image("route_picture", n, actions.shape()[0]);
  check(rows >= 1 && columns >= 1 && h % rows == 0 && w % columns == 0, "route_picture", "picture ", picture.shape(),
        " does not divide into ", rows, " x ", columns, " patches");
  check(actions.shape()[1] == rows * columns, "route_picture", "expected actions for ", rows * columns,
        " patches, got ", actions.shape());
  detail::check_opacity("route_picture", opacity);
  const std::int32_t* chosen = actions.data() + n * rows * columns;
  const Index ph = h / rows, pw = w / columns;
  std::uint8_t* out = picture.mutable_data();
  for (Index y = 0; y < h; ++y)
    for (Index x = 0; x < w; ++x) {
      const std::int32_t action = chosen[y / ph * columns + x / pw];
      check<ValueError>(action >= 0, "route_picture", "action ", action, " is no model");
      const bool border = y % ph == 0 || y % ph == ph - 1 || x % pw == 0 || x % pw == pw - 1;
      detail::tint(out + 3 * (y * w + x), palette[static_cast<std::size_t>(action) % palette.size()],
                   border ? 1.0 : opacity);
    }
  return picture;
}

/// The colours of classes 0 .. classes - 1, as an indexed image stores them (io::DecodedImage::palette).
template <class Colours = std::vector<std::array<std::uint8_t, 3>>>
Colours stored_palette(Index classes, std::span<const Rgb> palette = label_palette) {
  Colours colours;
  for (Index k = 0; k < classes; ++k) {
    const Rgb c = palette[static_cast<std::size_t>(k) % palette.size()];
    colours.push_back({c.r, c.g, c.b});
  }
  return colours;
}

/// Where a prediction is wrong: right pixels in the colours of the palette, wrong ones in `wrong`, those whose truth is
/// negative or data::ignored_label in no_class_colour, whatever was predicted. Image n of both.
inline Picture error_picture(const Labels& prediction, const Labels& truth, Index n = 0,
                             std::span<const Rgb> palette = label_palette, Rgb wrong = {213, 94, 0}) {
  check_same_shape("error_picture", prediction, truth);
  const auto& shape = truth.shape();
  detail::check_image("error_picture", n, shape[0]);
  const Index first = n * shape[1] * shape[2];
  const std::int32_t *p = prediction.data() + first, *t = truth.data() + first;
  return detail::paint(shape[1], shape[2], [&](Index i) {
    if (!detail::is_class(t[i])) return no_class_colour;
    return p[i] != t[i] ? wrong : palette[static_cast<std::size_t>(t[i]) % palette.size()];
  });
}

/// Every pixel becomes factor x factor equal ones.
inline Picture enlarge(const Picture& picture, Index factor) {
  check<ValueError>(factor >= 1, "enlarge", "the factor must be at least 1, got ", factor);
  const auto& shape = picture.shape();
  const Index h = shape.h(), w = shape.w();
  const std::uint8_t* in = picture.data();
  return detail::paint(h * factor, w * factor, [&](Index p) {
    const Index source = 3 * ((p / (w * factor)) / factor * w + (p % (w * factor)) / factor);
    return Rgb{in[source], in[source + 1], in[source + 2]};
  });
}

/// Pictures of one height side by side, `gap` white columns between them.
inline Picture beside(std::span<const Picture> pictures, Index gap = 2) {
  check<ValueError>(!pictures.empty(), "beside", "no pictures");
  const Index h = pictures[0].shape().h();
  Index width = -gap;
  for (const Picture& p : pictures) {
    check(p.shape().h() == h, "beside", "heights differ: ", pictures[0].shape(), " and ", p.shape());
    width += p.shape().w() + gap;
  }
  Picture row = Picture::full({1, h, width, 3}, std::uint8_t{255});
  std::uint8_t* out = row.mutable_data();
  Index left = 0;
  for (const Picture& p : pictures) {
    const Index w = p.shape().w();
    for (Index y = 0; y < h; ++y) std::copy_n(p.data() + 3 * y * w, 3 * w, out + 3 * (y * width + left));
    left += w + gap;
  }
  return row;
}

}  // namespace paser::report
#include "paser/core/macros_on.inc"
