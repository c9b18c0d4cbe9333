#pragma once
#include "paser/core/macros_off.inc"

#include <cstdlib>
#include <numeric>
#include <span>
#include <string>
#include <vector>

#include "paser/core/parallel.hpp"
#include "paser/core/tensor.hpp"

namespace paser::data {

/// Cuts an image into rows x columns patches of one size. Patch p = row * columns + column; patch p of image n has the
/// number n * patches() + p.
struct PatchGrid {
  Index rows = 1, columns = 1;

  Index patches() const { return rows * columns; }  ///< Patches of an image.

  /// Height of a patch of images of this height. Throws ShapeError, as width_of, when the images do not divide.
  Index height_of(Index height) const { return divide(height, rows, "height"); }
  /// The width of a patch of images so wide; throws as height_of.
  Index width_of(Index width) const { return divide(width, columns, "width"); }

  bool operator==(const PatchGrid&) const = default;

 private:
  static Index divide(Index extent, Index parts, const char* what) {
    check(parts >= 1 && extent >= 1 && extent % parts == 0, "PatchGrid", what, " ", extent, " does not divide into ",
          parts, " patches; pad or resize the images to a multiple of ", parts);
    return extent / parts;
  }
};

namespace detail {

/// Where the patches of (N, H, W, ...) lie: H x W pixels of `channels` elements, patches of h x w.
struct PatchLayout {
  Index images, height, width, channels, h, w;
  PatchGrid grid;

  template <class T, int Rank>
  PatchLayout(const Tensor<T, Rank>& t, const PatchGrid& g)
      : images(t.shape()[0]), height(t.shape()[1]), width(t.shape()[2]), channels(1), h(0), w(0), grid(g) {
    static_assert(Rank == 3 || Rank == 4, "patches: images are (N,H,W,C) or (N,H,W)");
    if constexpr (Rank == 4) channels = t.shape()[3];
    h = grid.height_of(height);
    w = grid.width_of(width);
  }

  Index count() const { return images * grid.patches(); }
  Index row_elements() const { return w * channels; }
  Index patch_elements() const { return h * row_elements(); }

  /// First element of row y of patch number `patch`.
  Index offset(Index patch, Index y) const {
    const Index n = patch / grid.patches(), p = patch % grid.patches();
    return ((n * height + p / grid.columns * h + y) * width + p % grid.columns * w) * channels;
  }

  template <int Rank>
  Shape<Rank> patches_shape(Index n) const {
    if constexpr (Rank == 4)
      return {n, h, w, channels};
    else
      return {n, h, w};
  }

  void check_numbers(const char* where, std::span<const Index> which) const {
    for (const Index patch : which)
      check<ValueError>(patch >= 0 && patch < count(), where, "patch ", patch, " of ", images, " images with ",
                        grid.patches(), " patches each");
  }
};

/// move(whole + offset, piece + offset, elements) for every row of patches which[0], which[1], ...
template <class Number, class Move>
void for_each_patch_row(const PatchLayout& at, Index patches, Number&& number, Move&& move) {
  const Index grain = std::max<Index>(1, 16384 / std::max<Index>(1, at.patch_elements()));
  parallel_for(patches, grain, [&](Index begin, Index end) {
    for (Index i = begin; i < end; ++i)
      for (Index y = 0; y < at.h; ++y)
        move(at.offset(number(i), y), i * at.patch_elements() + y * at.row_elements(), at.row_elements());
  });
}

}  // namespace detail

/// The patches of the given numbers, in that order: (N, H, W, C) -> (which.size(), h, w, C); label maps (N, H, W)
/// alike. Throws ShapeError when the images do not divide, ValueError on a number that no patch has.
template <class T, int Rank>
Tensor<T, Rank> gather_patches(const Tensor<T, Rank>& images, const PatchGrid& grid, std::span<const Index> which) {
  const detail::PatchLayout at(images, grid);
  at.check_numbers("gather_patches", which);
  const auto n = static_cast<Index>(which.size());
  Tensor<T, Rank> patches(at.patches_shape<Rank>(n));
  const T* from = images.data();
  T* to = patches.mutable_data();
  detail::for_each_patch_row(
      at, n, [&](Index i) { return which[static_cast<std::size_t>(i)]; },
      [&](Index whole, Index piece, Index count) { std::copy_n(from + whole, count, to + piece); });
  return patches;
}

namespace detail {

/// The pixel of n in a row that stands at place i, where the row goes on to both sides as its mirror image.
inline Index mirrored(Index i, Index n) {
  if (n == 1) return 0;
  i = std::abs(i) % (2 * (n - 1));
  return i < n ? i : 2 * (n - 1) - i;
}

}  // namespace detail

/// The same with `margin` pixels of the image around each patch: (which.size(), h + 2 margin, w + 2 margin, C). Beyond
/// its border an image is mirrored at its border pixels, as by Border::mirrored. Throws as above, and ValueError on a
/// negative margin.
template <class T>
Tensor<T, 4> gather_patches(const Tensor<T, 4>& images, const PatchGrid& grid, std::span<const Index> which,
                            Index margin) {
  if (margin == 0) return gather_patches(images, grid, which);
  check<ValueError>(margin > 0, "gather_patches", "a margin of ", margin, " pixels, expected 0 or more");
  const detail::PatchLayout at(images, grid);
  at.check_numbers("gather_patches", which);
  const auto n = static_cast<Index>(which.size());
  const Index h = at.h + 2 * margin, w = at.w + 2 * margin, c = at.channels;
  Tensor<T, 4> patches({n, h, w, c});
  parallel_for(n * h, std::max<Index>(1, 16384 / std::max<Index>(1, w * c)),
               [&, to = patches.mutable_data()](Index begin, Index end) {
                 for (Index i = begin; i < end; ++i) {
                   const Index patch = which[static_cast<std::size_t>(i / h)], p = patch % grid.patches();
                   const Index y = detail::mirrored(p / grid.columns * at.h - margin + i % h, at.height);
                   const Index left = p % grid.columns * at.w - margin;
                   const T* const row = images.data() + (patch / grid.patches() * at.height + y) * at.width * c;
                   T* const out = to + i * w * c;
                   for (Index x = 0; x < w; ++x)
                     std::copy_n(row + detail::mirrored(left + x, at.width) * c, c, out + x * c);
                 }
               });
  return patches;
}

/// Writes patches back to the places of the given numbers; the rest of `images` stays. No number may occur twice.
/// Throws as gather_patches, and ShapeError when the patches are not of the grid's size.
template <class T, int Rank>
void scatter_patches(Tensor<T, Rank>& images, const PatchGrid& grid, std::span<const Index> which,
                     const Tensor<T, Rank>& patches) {
  const detail::PatchLayout at(images, grid);
  at.check_numbers("scatter_patches", which);
  const auto n = static_cast<Index>(which.size());
  check(patches.shape() == at.patches_shape<Rank>(n), "scatter_patches", "patches ", patches.shape(), ", expected ",
        at.patches_shape<Rank>(n));
  const T* from = patches.data();
  T* to = images.mutable_data();
  detail::for_each_patch_row(
      at, n, [&](Index i) { return which[static_cast<std::size_t>(i)]; },
      [&](Index whole, Index piece, Index count) { std::copy_n(from + piece, count, to + whole); });
}

/// All patches, image after image: (N, H, W, C) -> (N * patches, h, w, C); label maps (N, H, W) alike.
/// Throws ShapeError when the images do not divide.
template <class T, int Rank>
Tensor<T, Rank> extract_patches(const Tensor<T, Rank>& images, const PatchGrid& grid) {
  const detail::PatchLayout at(images, grid);
  if (grid.patches() == 1) return images;
  Tensor<T, Rank> patches(at.patches_shape<Rank>(at.count()));
  const T* from = images.data();
  T* to = patches.mutable_data();
  detail::for_each_patch_row(
      at, at.count(), [](Index i) { return i; },
      [&](Index whole, Index piece, Index count) { std::copy_n(from + whole, count, to + piece); });
  return patches;
}

/// All patches with `margin` pixels of the image around each, as gather_patches has them.
template <class T>
Tensor<T, 4> extract_patches(const Tensor<T, 4>& images, const PatchGrid& grid, Index margin) {
  if (margin == 0) return extract_patches(images, grid);
  std::vector<Index> all(static_cast<std::size_t>(images.shape().n() * grid.patches()));
  std::iota(all.begin(), all.end(), Index{0});
  return gather_patches<T>(images, grid, all, margin);
}

/// The images whose patches these are: the inverse of extract_patches.
/// Throws ShapeError when the number of patches is not a multiple of the grid's.
template <class T, int Rank>
Tensor<T, Rank> assemble_patches(const Tensor<T, Rank>& patches, const PatchGrid& grid) {
  Shape<Rank> shape = patches.shape();
  check(grid.rows >= 1 && grid.columns >= 1 && shape[0] % grid.patches() == 0, "assemble_patches", shape[0],
        " patches are not whole images of ", grid.rows, " x ", grid.columns);
  if (grid.patches() == 1) return patches;
  shape[0] /= grid.patches();
  shape[1] *= grid.rows;
  shape[2] *= grid.columns;
  Tensor<T, Rank> images(shape);
  const detail::PatchLayout at(images, grid);
  const T* from = patches.data();
  T* to = images.mutable_data();
  detail::for_each_patch_row(
      at, at.count(), [](Index i) { return i; },
      [&](Index whole, Index piece, Index count) { std::copy_n(from + piece, count, to + whole); });
  return images;
}

}  // namespace paser::data
#include "paser/core/macros_on.inc"
