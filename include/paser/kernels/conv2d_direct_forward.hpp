#pragma once

#include <array>

#include "paser/core/memory.hpp"
#include "paser/core/parallel.hpp"
#include "paser/kernels/conv2d_plan.hpp"
#include "paser/kernels/conv2d_tile.hpp"

/// Direct convolution: y = x * weight + bias, also run with turned weights for the gradient of the input.
///
/// Weights are packed into blocks of two packets of output channels. A task copies the input rows of a band of output
/// rows into a padded scratch (so no inner loop ever tests for the border) and runs register tiles of six pixels by one
/// block over it. Pixels are ordered by which taps meet data; taps that lie in the padding for a whole tile are
/// skipped. Every output is summed over (channel block, row, column, channel) in an order that the shape alone decides.
namespace paser::kernels::direct {

/// A convolution as this kernel sees it; in and out are the channels of one group.
template <class T>
struct Problem {
  Index images;
  Axis rows, columns;
  Index in, out, groups;
  Index out_rows, out_columns;  // extents of the y array, of which `rows` and `columns` may write a part
  /// Weight of (tap row t, tap column u, group g, in channel i, out channel o) at
  /// weight[t * tap_row + u * tap_column + g * group + i * in_step + o * out_step].
  const T* weight;
  Index tap_row, tap_column, group, in_step, out_step;
  const T* bias;  // groups * out values or null
  const T* x;
  T* y;
};

/// How the channels of a Problem are cut: output channels into blocks of one or two packets, input channels into
/// slices small enough that a slice of one block's weights stays in the second-level cache.
template <class T>
struct Blocking {
  Index width, blocks;  // output channels of a block; blocks of one group
  Index slice, slices;  // input channels of a slice, the last one filled up with zeros
  Index taps;

  explicit Blocking(const Problem<T>& p)
      : width(p.out <= simd::width<T> ? simd::width<T> : 2 * simd::width<T>),
        blocks(ceil_div(p.out, width)),
        taps(p.rows.taps * p.columns.taps) {
    constexpr Index budget = Index{160} * 1024 / sizeof(T);
    slices = ceil_div(p.in, std::max<Index>(16, budget / (taps * width)));
    slice = ceil_div(p.in, slices);
  }
  Index block_size() const { return taps * slice * slices * width; }
};

/// Packs one block as (slice, tap row, tap column, in channel, out channel), zeros past the last channels.
template <class T>
void pack_weights(const Problem<T>& p, const Blocking<T>& b, Index group, Index block, T* to) {
  const Index first = block * b.width, count = std::min(b.width, p.out - first);
  if (count < b.width || b.slice * b.slices > p.in) std::fill_n(to, b.block_size(), T(0));
  for (Index s = 0; s < b.slices; ++s) {
    const Index begin = s * b.slice, end = std::min(p.in, begin + b.slice);
    for (Index t = 0; t < p.rows.taps; ++t)
      for (Index u = 0; u < p.columns.taps; ++u, to += b.slice * b.width) {
        const T* from = p.weight + t * p.tap_row + u * p.tap_column + group * p.group + first * p.out_step;
        if (p.out_step == 1) {
          for (Index i = begin; i < end; ++i) std::copy_n(from + i * p.in_step, count, to + (i - begin) * b.width);
        } else {
          for (Index o = 0; o < count; ++o)
            for (Index i = begin; i < end; ++i) to[(i - begin) * b.width + o] = from[i * p.in_step + o * p.out_step];
        }
      }
  }
}

/// Images and output rows that one task computes.
struct Band {
  Range images, rows;
};

/// Steps, in elements, through a band's input: slices of (image, row, column, channel).
struct Layout {
  Index pixel, row, image, slice;
};

struct Pixel {
  Index source, target;  // offsets in a slice of the band's input and in y
};

/// Consecutive pixels computed together, and the taps of which at least one of them meets data.
struct TileRun {
  Index first, count;
  Range row_taps, column_taps;
};

/// The output pixels of a band and their tiles.
struct Tiles {
  std::vector<Pixel> pixels;
  std::vector<TileRun> runs;
};

template <class T>
Tiles plan_tiles(const Problem<T>& p, const Band& band, const Layout& source, Index most) {
  Tiles tiles;
  tiles.pixels.reserve(static_cast<std::size_t>(band.images.size() * band.rows.size() * p.columns.outputs));
  std::vector<std::array<Range, 2>> taps;
  const auto row_runs = equal_tap_runs(p.rows, band.rows);
  const auto column_runs = equal_tap_runs(p.columns, {0, p.columns.outputs});
  const Index channels = p.out * p.groups;
  for (const Range& rows : row_runs)
    for (const Range& columns : column_runs)
      for (Index n = band.images.first; n < band.images.end; ++n)
        for (Index i = rows.first; i < rows.end; ++i) {
          const Index from =
              (n - band.images.first) * source.image + (i - band.rows.first) * p.rows.stride * source.row;
          const Index to =
              (n * p.out_rows + p.rows.out_first + i * p.rows.out_step) * p.out_columns + p.columns.out_first;
          for (Index j = columns.first; j < columns.end; ++j) {
            tiles.pixels.push_back(
                {from + j * p.columns.stride * source.pixel, (to + j * p.columns.out_step) * channels});
            taps.push_back({p.rows.valid_taps(rows.first), p.columns.valid_taps(columns.first)});
          }
        }
  const auto total = static_cast<Index>(tiles.pixels.size());
  for (Index first = 0; first < total;) {
    TileRun run{first, tile_size(total - first, most), {p.rows.taps, 0}, {p.columns.taps, 0}};
    const auto widen = [](Range& all, const Range& one) {
      if (one.size() > 0) all = {std::min(all.first, one.first), std::max(all.end, one.end)};
    };
    for (Index i = first; i < first + run.count; ++i) {
      widen(run.row_taps, taps[static_cast<std::size_t>(i)][0]);
      widen(run.column_taps, taps[static_cast<std::size_t>(i)][1]);
    }
    tiles.runs.push_back(run);
    first += run.count;
  }
  return tiles;
}

/// The values of the padded copy that copy_band makes.
template <class T>
Layout band_layout(const Problem<T>& p, const Blocking<T>& b, const Band& band) {
  const Index rows = p.rows.input_span(band.rows).size();
  const Index columns = p.columns.input_span({0, p.columns.outputs}).size();
  return {b.slice, columns * b.slice, rows * columns * b.slice, band.images.size() * rows * columns * b.slice};
}

/// Copies the channels of one group that a band reads into `to`, with zeros where the image or the group ends.
template <class T>
void copy_band(const Problem<T>& p, const Blocking<T>& b, const Band& band, Index group, T* to) {
  const Range rows = p.rows.input_span(band.rows), columns = p.columns.input_span({0, p.columns.outputs});
  const Index channels = p.in * p.groups;
  const Range inside{std::clamp<Index>(0, columns.first, columns.end),
                     std::clamp(p.columns.inputs, columns.first, columns.end)};
  for (Index s = 0; s < b.slices; ++s) {
    const Index first = s * b.slice, count = std::min(p.in - first, b.slice);
    for (Index n = band.images.first; n < band.images.end; ++n)
      for (Index row = rows.first; row < rows.end; ++row) {
        if (row < 0 || row >= p.rows.inputs || inside.size() <= 0) {
          to = std::fill_n(to, columns.size() * b.slice, T(0));
          continue;
        }
        to = std::fill_n(to, (inside.first - columns.first) * b.slice, T(0));
        const T* from =
            p.x + ((n * p.rows.inputs + row) * p.columns.inputs + inside.first) * channels + group * p.in + first;
        if (b.slice == channels) {
          to = std::copy_n(from, inside.size() * channels, to);
        } else {
          for (Index j = 0; j < inside.size(); ++j, from += channels) {
            to = std::copy_n(from, count, to);
            to = std::fill_n(to, b.slice - count, T(0));
          }
        }
        to = std::fill_n(to, (columns.end - inside.end) * b.slice, T(0));
      }
  }
}

/// One block of output channels over the pixels of a band.
template <class T>
struct BlockTask {
  const Problem<T>& problem;
  const Blocking<T>& blocking;
  const Layout& layout;
  const Tiles& tiles;
  const T* source;
  const T* weights;
  const T* start;  // a block of values that the sums start from
  T* partial;      // running sums between two slices
  T* y;            // at the first channel of the block
  Index channels;  // of the block
};

/// P pixels of the block over one slice of the input channels.
template <class T, int P, int V>
void compute_tile(const BlockTask<T>& task, const TileRun& run, Index slice) {
  using Sums = Tile<T, P, V>;
  const auto& [p, b, layout, tiles, source, weights, start, partial, y, channels] = task;
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
  // Neighbouring columns are neighbours in memory: without dilation one loop runs over columns and channels.
  const bool joined = p.columns.tap_step == 1 && layout.pixel == b.slice;
  const Index length = joined ? run.column_taps.size() * b.slice : b.slice;
  for (Index t = run.row_taps.first; t < run.row_taps.end; ++t)
    for (Index u = run.column_taps.first; u < run.column_taps.end; ++u) {
      auto x = at;
      for (const T*& pointer : x) pointer += t * p.rows.tap_step * layout.row + u * p.columns.tap_step * layout.pixel;
      const Index tap = (slice * p.rows.taps + t) * p.columns.taps + u;
      tile.add_products(x, 1, weights + tap * b.slice * Sums::columns, length);
      if (joined) break;
    }
  if (slice + 1 < b.slices) {
    tile.store(partial + run.first * Sums::columns);
    return;
  }
  if (channels == Sums::columns) {
    std::array<T*, P> to;
    for (Index i = 0; i < P; ++i) to[static_cast<std::size_t>(i)] = y + pixels[std::min(i, run.count - 1)].target;
    tile.store_rows(to, static_cast<int>(run.count));
  } else {
    T rows[P * Sums::columns];
    tile.store(rows);
    for (Index i = 0; i < run.count; ++i) std::copy_n(rows + i * Sums::columns, channels, y + pixels[i].target);
  }
}

template <class T, int V>
void compute_block(const BlockTask<T>& task) {
  for (Index slice = 0; slice < task.blocking.slices; ++slice)
    for (const TileRun& run : task.tiles.runs) {
      if (run.count == 6) {
        compute_tile<T, 6, V>(task, run, slice);
      } else if (run.count == 5) {
        compute_tile<T, 5, V>(task, run, slice);
      } else {
        compute_tile<T, 4, V>(task, run, slice);
      }
    }
}

/// y of a whole problem, overwritten where `rows` and `columns` lead.
template <class T>
void convolve(const Problem<T>& p) {
  const Blocking<T> b(p);
  const Index all_blocks = p.groups * b.blocks, block_size = b.block_size();
  Scratch<T> packed(static_cast<std::size_t>(all_blocks * block_size));
  T* const weights = packed.data();
  parallel_each(all_blocks, [&](Index i) { pack_weights(p, b, i / b.blocks, i % b.blocks, weights + i * block_size); });

  const Index rows = p.rows.outputs, pixels = rows * p.columns.outputs;
  const Index images = std::clamp<Index>(256 / std::max<Index>(pixels, 1), 1, p.images);
  const Index row_bytes =
      p.columns.input_span({0, p.columns.outputs}).size() * p.rows.stride * p.in * static_cast<Index>(sizeof(T));
  const Index band_rows = std::clamp<Index>(
      std::min(160 * 1024 / std::max<Index>(row_bytes, 1), 1024 / p.columns.outputs), std::min<Index>(rows, 2), rows);
  const Index bands = ceil_div(rows, band_rows), image_groups = ceil_div(p.images, images);
  const Index splits = std::clamp<Index>(ceil_div(16, bands * image_groups * p.groups), 1, b.blocks);

  parallel_each(p.groups * image_groups * bands * splits, [&](Index i) {
    const Index split = i % splits, group = i / splits % p.groups, band_index = i / splits / p.groups;
    const Band band{part(p.images, image_groups, band_index / bands), part(rows, bands, band_index % bands)};
    const Layout layout = band_layout(p, b, band);
    const Tiles tiles = plan_tiles(p, band, layout, 6);
    const auto sums = static_cast<Index>(tiles.pixels.size() + 6) * b.width;
    Scratch<T> scratch(static_cast<std::size_t>(layout.slice * b.slices + sums + b.width));
    T *const source = scratch.data(), *const partial = source + layout.slice * b.slices, *const start = partial + sums;
    copy_band(p, b, band, group, source);
    const Range blocks = part(b.blocks, splits, split);
    for (Index block = blocks.first; block < blocks.end; ++block) {
      const Index first = block * b.width, channels = std::min(b.width, p.out - first);
      std::fill_n(start, b.width, T(0));
      if (p.bias != nullptr) std::copy_n(p.bias + group * p.out + first, channels, start);
      const BlockTask<T> task{p,       b,       layout,
                              tiles,   source,  weights + (group * b.blocks + block) * block_size,
                              start,   partial, p.y + group * p.out + first,
                              channels};
      if (b.width == simd::width<T>) {
        compute_block<T, 1>(task);
      } else {
        compute_block<T, 2>(task);
      }
    }
  });
}

/// The forward pass of a convolution.
template <class T>
void forward(const ConvShape& s, const T* x, const T* weight, const T* bias, T* y) {
  Problem<T> p{s.n,
               forward_axis(s, 0),
               forward_axis(s, 1),
               s.group_c(),
               s.group_k(),
               s.spec.groups,
               s.out_h(),
               s.out_w(),
               weight,
               s.s * s.group_c() * s.k,
               s.group_c() * s.k,
               s.group_k(),
               s.k,
               1,
               bias,
               x,
               y};
  convolve(p);
}

}  // namespace paser::kernels::direct
