#pragma once
#include "paser/core/macros_off.inc"

#include "paser/core/memory.hpp"
#include "paser/core/parallel.hpp"
#include "paser/kernels/conv/direct/read.hpp"
#include "paser/kernels/conv/direct/weight_gradient_by_taps.hpp"
#include "paser/kernels/conv/direct/weight_gradient_narrow.hpp"
#include "paser/kernels/conv/direct/weight_gradient_tile.hpp"

/// Direct weight gradient: for each tap a product X^T dY, summed over the pixels where the tap meets data.
///
/// Pixels are walked in chunks. Where that pays, x and dy of a chunk are packed into panels of a few input channels and
/// of one or two packets of output channels, so that every inner loop reads two plain streams. Chunks are dealt to a
/// number of groups that the shape alone decides, each with sums of its own, which are added in order at the end: the
/// same bits for any number of threads.
namespace paser::kernels::direct {

/// Images and output rows whose pixels are summed in a single pass: a few rows of one image, or a few whole small
/// images.
struct Chunk {
  Range images, rows;
};

/// How one weight gradient is cut; a function of the shape and the packet alone.
struct WeightGradientPlan {
  Axis rows, columns;
  bool by_taps;                // see backward_weight_by_taps; the rest is for the others
  bool sliding;                // three columns of taps at once, see add_sliding_products
  bool pack_x, pack_dy;        // else read in place
  Index tile;                  // input channels of a tile
  Index width, blocks;         // output channels of a block; blocks of one group
  Index images, image_groups;  // of a chunk; chunks along the batch
  Index bands;                 // chunks along the rows
  Index sums;                  // groups of chunks with sums of their own
  Index splits;                // tasks that share the blocks of such a group
  bool in_place;               // sums are dw itself

  WeightGradientPlan(const ConvShape& s, Index packet) : rows(forward_axis(s, 0)), columns(forward_axis(s, 1)) {
    // In short rows what it does at their ends weighs more than the loads that it saves.
    sliding = columns.taps == 3 && columns.stride == 1 && columns.tap_step == 1 && columns.offset >= -2 &&
              (columns.outputs > 16 || s.c <= 32 || s.group_k() <= packet);
    // Weights that leave the second-level cache while they are written, and so many that the pixels are few.
    const Index pixels = rows.outputs * columns.outputs;
    by_taps = !sliding && s.weight_size() >= std::max<Index>(Index{1} << 17, 16 * s.n * pixels);
    pack_x = s.c > 32 && s.r * s.s > 1;
    pack_dy = !sliding || s.group_k() % packet != 0 || s.k > 4 * packet;
    // 9, 8 or 12 sums: what the registers hold, or the loads allow.
    tile = sliding ? 3 : s.group_k() <= packet ? 8 : 6;
    width = sliding || s.group_k() <= packet ? packet : 2 * packet;
    blocks = ceil_div(s.group_k(), width);
    images = std::clamp<Index>(256 / pixels, 1, s.n);
    image_groups = ceil_div(s.n, images);
    // Bands so large that few input rows belong to two of them, as long as they fit the cache.
    const Index band = std::clamp<Index>(Index{32} * 1024 / s.group_c(), 256, 1024);
    bands = std::clamp<Index>(pixels / band, std::min<Index>(16, ceil_div(pixels, 256)), rows.outputs);
    const Index room = std::max<Index>(1, (Index{4} << 20) / s.weight_size());
    sums = std::min<Index>({chunks(), room, 16});
    splits = std::clamp<Index>(ceil_div(16, sums), 1, ceil_div(blocks * width, 4 * packet));
    in_place = sums == 1 && s.group_k() % width == 0;
  }
  Index chunks() const { return image_groups * bands; }
  Chunk chunk(Index i, Index batch) const {
    return {part(batch, image_groups, i / bands), part(rows.outputs, bands, i % bands)};
  }
  /// Input rows that a chunk reads.
  Range input_rows(const Chunk& c) const {
    const Range span = rows.input_span(c.rows);
    const Index first = std::clamp<Index>(span.first, 0, rows.inputs);
    return {first, std::clamp(span.end, first, rows.inputs)};
  }
};

/// Pixels of a chunk: from image, row and column 0 of the chunk on, in steps of elements.
template <class T>
struct Pixels {
  const T* data;
  Index pixel, row, image;
};

/// The weight gradient of one group of channels and of some blocks of output channels.
template <class T>
class WeightGradientTask {
 public:
  WeightGradientTask(const ConvShape& shape, const WeightGradientPlan& plan, Index group, const Range& blocks)
      : s_(shape),
        plan_(plan),
        group_(group),
        blocks_(blocks),
        row_(plan.in_place ? shape.k : plan.width),
        tap_(shape.group_c() * row_),
        block_(plan.in_place ? plan.width : shape.r * shape.s * tap_) {
    for (Index c = 0; c < s_.group_c(); c += tiles_.back().size())
      tiles_.push_back({c, c + tile_size(s_.group_c() - c, plan.tile)});
  }

  /// sums: (block, tap row, tap column, in channel, out channel), or the group's part of dw when those are in place;
  /// overwritten by the sum over the chunks.
  void run(const Range& chunks, const ConvInput<T>& input, const T* dy, T* sums) {
    const Index columns = plan_.columns.outputs;
    Index x_most = 0, dy_most = 0;
    for (Index i = chunks.first; i < chunks.end; ++i) {
      const Chunk chunk = plan_.chunk(i, s_.n);
      x_most = std::max(x_most, chunk.images.size() * plan_.input_rows(chunk).size() * s_.w);
      dy_most = std::max(dy_most, chunk.images.size() * chunk.rows.size() * columns);
    }
    const Index x_size = plan_.pack_x ? x_most * s_.group_c() : 0;
    const Index dy_size = plan_.pack_dy ? dy_most * plan_.width : 0;
    const Index copy_size = input.is_plain() ? 0 : x_most * s_.group_c();
    Scratch<T> scratch(static_cast<std::size_t>(x_size + dy_size + copy_size));
    T *const x_panels = scratch.data(), *const dy_panel = x_panels + x_size, *const copy = dy_panel + dy_size;
    // Columns past the last output channel are summed like all others, and dropped at the end.
    if (plan_.pack_dy) std::fill_n(dy_panel, dy_most * plan_.width, T(0));

    for (Index i = chunks.first; i < chunks.end; ++i) {
      const Chunk chunk = plan_.chunk(i, s_.n);
      const Range in = plan_.input_rows(chunk);
      const Index rows = in.size() * s_.w;
      Pixels<T> x{input.first.data + (chunk.images.first * s_.h + in.first) * s_.w * s_.c + group_ * s_.group_c(), s_.c,
                  s_.w * s_.c, s_.h * s_.w * s_.c};
      if (!input.is_plain()) x = copy_chunk(chunk, in, input, copy);
      if (plan_.pack_x)
        for (const Range& tile : tiles_)
          pack_pixels(x.data + tile.first, x.pixel, x.image, rows, chunk.images.size(), tile.size(), tile.size(),
                      x_panels + x_most * tile.first);
      for (Index block = blocks_.first; block < blocks_.end; ++block) {
        const Index out_image = plan_.rows.outputs * columns, out_rows = chunk.rows.size() * columns;
        const T* dy_from = dy + (chunk.images.first * out_image + chunk.rows.first * columns) * s_.k +
                           group_ * s_.group_k() + block * plan_.width;
        Pixels<T> dy_pixels{dy_from, s_.k, columns * s_.k, out_image * s_.k};
        if (plan_.pack_dy) {
          pack_pixels(dy_from, s_.k, out_image * s_.k, out_rows, chunk.images.size(),
                      std::min(plan_.width, s_.group_k() - block * plan_.width), plan_.width, dy_panel);
          dy_pixels = {dy_panel, plan_.width, columns * plan_.width, out_rows * plan_.width};
        }
        T* const to = sums + block * block_;
        for (const Range& tile : tiles_) {
          Pixels<T> x_pixels = x;
          x_pixels.data += tile.first;
          if (plan_.pack_x) {
            const Index step = tile.size();
            x_pixels = {x_panels + x_most * tile.first, step, s_.w * step, rows * step};
          }
          add_tile(chunk, in, tile, x_pixels, dy_pixels, i == chunks.first, to);
        }
      }
    }
  }

 private:
  /// The channels of the group at the pixels that a chunk reads, side by side.
  Pixels<T> copy_chunk(const Chunk& chunk, const Range& in, const ConvInput<T>& input, T* to) const {
    const Index c = s_.group_c(), image = in.size() * s_.w * c;
    for (Index n = chunk.images.first; n < chunk.images.end; ++n)
      read_pixels(input, n, (n * s_.h + in.first) * s_.w, in.size() * s_.w, {group_ * c, (group_ + 1) * c},
                  to + (n - chunk.images.first) * image, c);
    return {to, c, s_.w * c, image};
  }

  void add_tile(const Chunk& chunk, const Range& in, const Range& tile, const Pixels<T>& x, const Pixels<T>& dy,
                bool first, T* to) {
    const Index size = tile.size();
    if (plan_.sliding) {
      if (size == 3) return add_sliding<3>(chunk, in, tile.first, x, dy, first, to);
      if (size == 2) return add_sliding<2>(chunk, in, tile.first, x, dy, first, to);
      return add_sliding<1>(chunk, in, tile.first, x, dy, first, to);
    }
    if (plan_.width == simd::width<T>) {
      if (size > 4) return add_taps<8, 1>(chunk, in, tile, x, dy, first, to);
      if (size > 2) return add_taps<4, 1>(chunk, in, tile, x, dy, first, to);
      return add_taps<2, 1>(chunk, in, tile, x, dy, first, to);
    }
    if (size > 4) return add_taps<6, 2>(chunk, in, tile, x, dy, first, to);
    if (size > 2) return add_taps<4, 2>(chunk, in, tile, x, dy, first, to);
    return add_taps<2, 2>(chunk, in, tile, x, dy, first, to);
  }

  /// At most P channels under every tap.
  template <int P, int V>
  void add_taps(const Chunk& chunk, const Range& in, const Range& tile, const Pixels<T>& x, const Pixels<T>& dy,
                bool first, T* to) {
    const Axis &rows = plan_.rows, &columns = plan_.columns;
    for (Index r = 0; r < s_.r; ++r) {
      const Range valid_rows = rows.valid_outputs(chunk.rows, r);
      for (Index s = 0; s < s_.s; ++s) {
        const Range valid = columns.valid_outputs({0, columns.outputs}, s);
        T* const sums = to + (r * s_.s + s) * tap_ + tile.first * row_;
        Tile<T, P, V> products;
        if (first) {
          products.clear();
        } else {
          products.load(sums, row_, tile.size());
        }
        for (Index n = 0; n < chunk.images.size(); ++n)
          for (Index i = valid_rows.first; i < valid_rows.end; ++i) {
            const T* from =
                x.data + n * x.image + (rows.input(i, r) - in.first) * x.row + columns.input(valid.first, s) * x.pixel;
            std::array<const T*, P> pointers;
            for (Index p = 0; p < P; ++p) pointers[static_cast<std::size_t>(p)] = from + std::min(p, tile.size() - 1);
            products.add_products(pointers, columns.stride * x.pixel,
                                  dy.data + n * dy.image + (i - chunk.rows.first) * dy.row + valid.first * dy.pixel,
                                  valid.size());
          }
        products.store(sums, row_, tile.size());
      }
    }
  }

  template <int P>
  void add_sliding(const Chunk& chunk, const Range& in, Index channel, const Pixels<T>& x, const Pixels<T>& dy,
                   bool first, T* to) {
    const Axis& rows = plan_.rows;
    for (Index r = 0; r < s_.r; ++r) {
      const Range valid = rows.valid_outputs(chunk.rows, r);
      T* const sums = to + r * 3 * tap_ + channel * row_;
      SlidingSums<T, P> tile;
      tile.start(first ? nullptr : sums, tap_, row_);
      for (Index n = 0; n < chunk.images.size(); ++n)
        for (Index i = valid.first; i < valid.end; ++i)
          tile.add_row(x.data + n * x.image + (rows.input(i, r) - in.first) * x.row, x.pixel, s_.w,
                       dy.data + n * dy.image + (i - chunk.rows.first) * dy.row, dy.pixel, plan_.columns.outputs,
                       -plan_.columns.offset);
      tile.store(sums, tap_, row_);
    }
  }

  const ConvShape& s_;
  const WeightGradientPlan& plan_;
  Index group_;
  Range blocks_;
  Index row_, tap_, block_;  // steps in the sums from one input channel, tap and block to the next
  std::vector<Range> tiles_;
};

/// dweight of a convolution, overwritten.
template <class T>
void backward_weight(const ConvShape& s, const ConvInput<T>& input, const T* dy, T* dw) {
  if (is_narrow<T>(s)) return backward_weight_narrow(s, input, dy, dw);
  const WeightGradientPlan plan(s, simd::width<T>);
  if (plan.by_taps) return backward_weight_by_taps(s, input, dy, dw);
  const Index taps = s.r * s.s, size = plan.blocks * taps * s.group_c() * plan.width;
  Scratch<T> scratch(static_cast<std::size_t>(plan.in_place ? 0 : s.options.groups * plan.sums * size));
  T* const sums = scratch.data();
  parallel_each(s.options.groups * plan.sums * plan.splits, [&](Index i) {
    const Index split = i % plan.splits, sum = i / plan.splits;
    WeightGradientTask<T> task(s, plan, sum / plan.sums, part(plan.blocks, plan.splits, split));
    task.run(part(plan.chunks(), plan.sums, sum % plan.sums), input, dy,
             plan.in_place ? dw + sum * s.group_k() : sums + sum * size);
  });
  if (plan.in_place) return;
  const Index grain = ceil_div(4096, s.group_c() * plan.width);
  parallel_for(s.options.groups * plan.blocks * taps, grain, [&](Index begin, Index end) {
    for (Index i = begin; i < end; ++i) {
      const Index tap = i % taps, block = i / taps % plan.blocks, group = i / taps / plan.blocks;
      const Index count = std::min(plan.width, s.group_k() - block * plan.width);
      for (Index c = 0; c < s.group_c(); ++c) {
        T* const to = dw + (tap * s.group_c() + c) * s.k + group * s.group_k() + block * plan.width;
        const T* from = sums + group * plan.sums * size + ((block * taps + tap) * s.group_c() + c) * plan.width;
        std::copy_n(from, count, to);
        for (Index sum = 1; sum < plan.sums; ++sum) {
          from += size;
          for (Index k = 0; k < count; ++k) to[k] += from[k];
        }
      }
    }
  });
}

/// The same for an input that is one array.
template <class T>
void backward_weight(const ConvShape& s, const T* x, const T* dy, T* dw) {
  backward_weight(s, ConvInput<T>(x, s.c), dy, dw);
}

}  // namespace paser::kernels::direct
#include "paser/core/macros_on.inc"
