#pragma once
#include "paser/core/macros_off.inc"

#include <array>

#include "paser/core/memory.hpp"
#include "paser/core/parallel.hpp"
#include "paser/kernels/conv/direct/few_pixels.hpp"
#include "paser/kernels/conv/direct/pixel_rows.hpp"
#include "paser/kernels/conv/direct/pointwise.hpp"
#include "paser/kernels/conv/direct/problem.hpp"
#include "paser/kernels/conv/direct/tile.hpp"

/// Direct convolution: y = x * weight + bias, also run with turned weights for the gradient of the input.
///
/// Weights are packed into blocks of two packets of output channels. A task copies the input rows of a band of output
/// rows into a padded scratch (so no inner loop ever tests for the border) and runs register tiles of some pixels by
/// one block over it. Pixels are ordered by which taps meet data; taps that lie in the padding for a whole tile are
/// skipped. The bands of dilated taps are far larger than what they compute, so there the input is read where it lies.
/// Every output is summed over (channel block, row, column, channel) in an order that the shape alone decides.
namespace paser::kernels::direct {

/// An output pixel: offsets into a slice of the band's input and into y, from the band's first output.
struct Pixel {
  Index source, target;
};

/// Pixels of the largest tile, by two packets of sums. With more of them fewer weights are read from the second-level
/// cache for as many products; 12, for which 32 registers would do, are no faster on AVX-512.
inline constexpr int most_pixels = simd::registers >= 32 ? 8 : 6;

/// The taps of a pixel that meet data.
struct PixelTaps {
  Range rows, columns;
};

/// Consecutive pixels computed together, and the taps of which at least one of them meets data.
struct TileRun {
  Index first, count;
  Range row_taps, column_taps;
  bool equal;  // each pixel meets data with all of these
};

/// The output pixels of a band and their tiles. Bands of the same size and at the same distance from the borders share
/// one.
struct Tiles {
  Index images;
  std::vector<TapRun> rows;
  std::vector<Pixel> pixels;
  std::vector<PixelTaps> taps;  // of every pixel
  std::vector<TileRun> runs;
};

/// The runs of tiles of a band, by the taps that each meets.
template <class T>
Tiles plan_tiles(const Problem<T>& p, const Band& band, const Layout& source) {
  Tiles tiles{band.images.size(), equal_tap_runs(p.rows, band.rows), {}, {}, {}};
  const auto columns = equal_tap_runs(p.columns, {0, p.columns.outputs});
  const Index channels = p.out * p.groups, total = tiles.images * band.rows.size() * p.columns.outputs;
  tiles.pixels.resize(static_cast<std::size_t>(total));
  tiles.taps.reserve(tiles.pixels.size());
  Pixel* pixel = tiles.pixels.data();
  struct Class {
    Index end;
    Range row_taps, column_taps;
  };
  std::vector<Class> classes;
  for (const TapRun& row : tiles.rows)
    for (const TapRun& column : columns) {
      for (Index n = 0; n < tiles.images; ++n)
        for (Index i = row.outputs.first; i < row.outputs.end; ++i) {
          Index from = n * source.image + i * p.rows.stride * source.row +
                       column.outputs.first * p.columns.stride * source.pixel;
          Index to =
              ((n * p.out_rows + i * p.rows.out_step) * p.out_columns + column.outputs.first * p.columns.out_step) *
              channels;
          for (Index j = column.outputs.first; j < column.outputs.end; ++j) {
            *pixel++ = {from, to};
            from += p.columns.stride * source.pixel;
            to += p.columns.out_step * channels;
            tiles.taps.push_back({row.taps, column.taps});
          }
        }
      classes.push_back({pixel - tiles.pixels.data(), row.taps, column.taps});
    }
  std::size_t at = 0;
  for (Index first = 0; first < total;) {
    const Index end = first + tile_size(total - first, most_pixels);
    TileRun run{first, end - first, classes[at].row_taps, classes[at].column_taps, classes[at].end >= end};
    while (classes[at].end < end) {
      ++at;
      run.row_taps = hull(run.row_taps, classes[at].row_taps);
      run.column_taps = hull(run.column_taps, classes[at].column_taps);
    }
    if (classes[at].end == end && at + 1 < classes.size()) ++at;
    tiles.runs.push_back(run);
    first = end;
  }
  return tiles;
}

/// One block of output channels over the pixels of a band.
template <class T>
struct BlockTask {
  const Problem<T>& problem;
  const Blocking<T>& blocking;
  const Layout& layout;
  const Tiles& tiles;
  const T* source;
  const T* weights;  // packed, of one slice
  const T* start;    // a block of values that the sums start from
  T* partial;        // running sums between two slices
  T* y;              // at the first channel of the block
  Index channels;    // of the block
  const T* zeros;    // what taps in the padding read, where the input is read in place, or null
};

/// True when a convolution reads its input where it lies instead of copying the rows of a band: with dilated taps such
/// a copy has many times the values of the band.
template <class T>
bool reads_in_place(const Problem<T>& p) {
  return p.input.is_plain() && (p.rows.tap_step > 1 || p.columns.tap_step > 1) && p.in >= 2 * simd::width<T>;
}

/// P pixels of the block over one slice of the input channels.
template <class T, int P, int V>
void compute_tile(const BlockTask<T>& task, const TileRun& run, Index slice) {
  using Sums = Tile<T, P, V>;
  const auto& [p, b, layout, tiles, source, weights, start, partial, y, channels, zeros] = task;
  const Pixel* const pixels = tiles.pixels.data() + run.first;
  std::array<const T*, P> at;
  for (Index i = 0; i < P; ++i)
    at[static_cast<std::size_t>(i)] = source + slice * layout.slice + pixels[std::min(i, run.count - 1)].source;
  Sums tile;
  if (slice == 0) {
    tile.fill(start);
  } else {
    tile.load(partial + run.first * Sums::columns);
  }
  // What the tile writes at its end comes while it is computed.
  for (Index i = 0; i < P; ++i) simd::prefetch(y + pixels[std::min(i, run.count - 1)].target);
  // Neighbouring columns are neighbours in memory: without dilation one loop runs over columns and channels.
  const bool joined = zeros == nullptr && p.columns.tap_step == 1 && layout.pixel == b.slice;
  const Index depth = zeros != nullptr ? std::min(b.slice, p.in - slice * b.slice) : b.slice;
  const Index length = joined ? run.column_taps.size() * b.slice : depth;
  for (Index t = run.row_taps.first; t < run.row_taps.end; ++t)
    for (Index u = run.column_taps.first; u < run.column_taps.end; ++u) {
      auto x = at;
      for (const T*& pointer : x) pointer += t * p.rows.tap_step * layout.row + u * p.columns.tap_step * layout.pixel;
      if (zeros != nullptr && !run.equal)
        for (Index i = 0; i < P; ++i) {
          const PixelTaps& taps = tiles.taps[static_cast<std::size_t>(run.first + std::min(i, run.count - 1))];
          if (t < taps.rows.first || t >= taps.rows.end || u < taps.columns.first || u >= taps.columns.end)
            x[static_cast<std::size_t>(i)] = zeros;
        }
      const Index tap = t * p.columns.taps + u;
      tile.add_products(x, 1, weights + tap * b.slice * Sums::columns, length);
      if (joined) break;
    }
  if (slice + 1 < b.slices) {
    tile.store(partial + run.first * Sums::columns);
    return;
  }
  std::array<T*, P> to;
  for (Index i = 0; i < P; ++i) to[static_cast<std::size_t>(i)] = y + pixels[std::min(i, run.count - 1)].target;
  tile.store_rows(to, run.count, channels);
}

/// All pixels of the block over one slice.
template <class T, int V>
void compute_slice(const BlockTask<T>& task, Index slice) {
  for (const TileRun& run : task.tiles.runs) {
    if (run.count > 6) {
      compute_tile<T, most_pixels, V>(task, run, slice);
    } else if (run.count > 4) {
      compute_tile<T, 6, V>(task, run, slice);
    } else {
      compute_tile<T, 4, V>(task, run, slice);
    }
  }
}

/// y of a whole problem, overwritten where `rows` and `columns` lead.
template <class T>
void convolve(const Problem<T>& p) {
  if (is_pointwise(p)) return convolve_pointwise(p);
  if (slides(p)) return convolve_sliding(p);
  if (has_few_pixels(p)) return convolve_few_pixels(p);
  const Blocking<T> b(p);
  const Index rows = p.rows.outputs, pixels = rows * p.columns.outputs;
  const Index images = std::clamp<Index>(256 / std::max<Index>(pixels, 1), 1, p.images);
  const Index row_bytes =
      p.columns.input_span({0, p.columns.outputs}).size() * p.rows.stride * p.in * static_cast<Index>(sizeof(T));
  const bool in_place = reads_in_place(p);
  const Index band_rows =
      std::clamp<Index>(in_place ? 256 / p.columns.outputs
                                 : std::min(160 * 1024 / std::max<Index>(row_bytes, 1), 1024 / p.columns.outputs),
                        std::min<Index>(rows, 2), rows);
  const Index bands = ceil_div(rows, band_rows), image_groups = ceil_div(p.images, images);
  const Index splits = std::clamp<Index>(ceil_div(16, bands * image_groups * p.groups), 1, b.blocks);

  // Weights that one task alone reads are packed there, slice by slice, and never leave its cache.
  const bool pack_here = p.packed == nullptr && bands * image_groups > 1;
  const bool pack_by_slice = p.packed == nullptr && !pack_here;
  const Index block_size = b.block_size();
  Scratch<T> packed(static_cast<std::size_t>(pack_here ? p.groups * b.blocks * block_size : 0));
  if (pack_here) pack_filter(p, b, packed.data());
  const T* const weights = pack_here ? packed.data() : p.packed;

  const auto band_at = [&](Index i) {
    return Band{part(p.images, image_groups, i / bands), part(rows, bands, i % bands)};
  };
  std::vector<Tiles> plans;
  std::vector<std::size_t> plan_of;
  for (Index i = 0; i < image_groups * bands; ++i) {
    const Band band = band_at(i);
    const auto same = [&, runs = equal_tap_runs(p.rows, band.rows)](const Tiles& tiles) {
      return tiles.images == band.images.size() && tiles.rows == runs;
    };
    const auto found = std::find_if(plans.begin(), plans.end(), same);
    plan_of.push_back(static_cast<std::size_t>(found - plans.begin()));
    if (found == plans.end())
      plans.push_back(plan_tiles(p, band, in_place ? whole_layout(p, b) : band_layout(p, b, band)));
  }

  const PieceMoments<T> moments(p, rows, p.columns.outputs, bands, p.groups * splits == 1);
  parallel_each(p.groups * image_groups * bands * splits, [&](Index i) {
    const Index split = i % splits, group = i / splits % p.groups, band_index = i / splits / p.groups;
    const Band band = band_at(band_index);
    const Layout layout = in_place ? whole_layout(p, b) : band_layout(p, b, band);
    const Tiles& tiles = plans[plan_of[static_cast<std::size_t>(band_index)]];
    const auto sums = static_cast<Index>(tiles.pixels.size() + most_pixels) * b.width;
    const Index copied = in_place ? b.slice : layout.slice * b.slices;
    Scratch<T> scratch(static_cast<std::size_t>(copied + sums + b.width + (pack_by_slice ? b.slice_size() : 0)));
    T *const copy = scratch.data(), *const partial = copy + copied, *const start = partial + sums,
             *const own = start + b.width;
    if (in_place)
      std::fill_n(copy, copied, T(0));
    else
      copy_band(p, b, band, group, copy);
    const T* const source = in_place ? first_input(p, band, group) : copy;
    T* const y = p.y + p.output(band.images.first, band.rows.first) + group * p.out;
    const Range blocks = part(b.blocks, splits, split);
    for (Index block = blocks.first; block < blocks.end; ++block) {
      const Index first = block * b.width, channels = std::min(b.width, p.out - first);
      copy_bias(p, b, group, block, start);
      for (Index slice = 0; slice < b.slices; ++slice) {
        if (pack_by_slice) pack_slice(p, b, group, block, slice, own);
        const T* const from =
            pack_by_slice ? own : weights + (group * b.blocks + block) * block_size + slice * b.slice_size();
        const BlockTask<T> task{
            p, b, layout, tiles, source, from, start, partial, y + first, channels, in_place ? copy : nullptr};
        if (b.width == simd::width<T>) {
          compute_slice<T, 1>(task, slice);
        } else {
          compute_slice<T, 2>(task, slice);
        }
      }
      for (Index n = band.images.first; n < band.images.end; ++n)
        finish_pixels(p, n, band.rows.first * p.columns.outputs, band.rows.size() * p.columns.outputs,
                      group * p.out + first, channels);
    }
    for (Index n = band.images.first; n < band.images.end; ++n) moments.take(n, band_index % bands);
  });
  moments.finish();
}

/// A forward pass as a Problem; input, epilogue and y are the caller's to set.
template <class T>
Problem<T> forward_problem(const ConvShape& s, const T* weight) {
  return {.images = s.n,
          .rows = forward_axis(s, 0),
          .columns = forward_axis(s, 1),
          .in = s.group_c(),
          .out = s.group_k(),
          .groups = s.options.groups,
          .out_rows = s.out_h(),
          .out_columns = s.out_w(),
          .weight = weight,
          .tap_row = s.s * s.group_c() * s.k,
          .tap_column = s.group_c() * s.k,
          .group = s.group_k(),
          .in_step = s.k,
          .out_step = 1,
          .input = {nullptr, s.c},
          .epilogue = {},
          .y = nullptr};
}

/// True when the forward pass reads packed weights that can be kept; the other kernels' weights are small.
template <class T>
bool keeps_packed(const ConvShape& s) {
  const auto p = forward_problem<T>(s, nullptr);
  return is_pointwise(p) ? !goes_to_few(p) : !slides(p);
}

/// The forward pass of a convolution: y = epilogue(input * weight), overwritten. `packed` may be the weights as
/// pack_filter packs them for this problem.
template <class T>
void forward(const ConvShape& s, const ConvInput<T>& input, const T* weight, const ConvEpilogue<T>& epilogue, T* y,
             const T* packed = nullptr) {
  Problem<T> p = forward_problem(s, weight);
  p.packed = packed;
  p.input = input;
  p.epilogue = epilogue;
  p.y = y;
  convolve(p);
}

/// y = x * weight + bias, overwritten; bias may be null.
template <class T>
void forward(const ConvShape& s, const T* x, const T* weight, const T* bias, T* y) {
  forward(s, ConvInput<T>(x, s.c), weight, ConvEpilogue<T>{.bias = bias}, y);
}

}  // namespace paser::kernels::direct
#include "paser/core/macros_on.inc"
