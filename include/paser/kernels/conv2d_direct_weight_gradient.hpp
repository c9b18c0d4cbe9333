#pragma once

#include "paser/core/memory.hpp"
#include "paser/core/parallel.hpp"
#include "paser/kernels/conv2d_plan.hpp"
#include "paser/kernels/conv2d_tile.hpp"

/// Direct weight gradient: for each tap a product X^T dY, summed over the pixels where the tap meets data.
///
/// Pixels are walked in chunks; x and dy of a chunk are packed into panels of a few input channels and of one or two
/// packets of output channels, so that every inner loop reads two plain streams. Chunks are dealt to a number of groups
/// that the shape alone decides, each with sums of its own, which are added in order at the end: the same bits for any
/// number of threads.
namespace paser::kernels::direct {

/// Images and output rows whose pixels are summed in one go: a few rows of one image, or a few whole small images.
struct Chunk {
  Range images, rows;
};

/// How one weight gradient is cut; a function of the shape alone.
struct WeightGradientPlan {
  Axis rows, columns;
  Index width, blocks;         // output channels of a block; blocks of one group
  Index images, image_groups;  // of a chunk; chunks along the batch
  Index bands;                 // chunks along the rows
  Index sums;                  // groups of chunks with sums of their own
  Index splits;                // tasks that share the blocks of such a group

  WeightGradientPlan(const ConvShape& s, Index packet)
      : rows(forward_axis(s, 0)),
        columns(forward_axis(s, 1)),
        width(s.group_k() <= packet ? packet : 2 * packet),
        blocks(ceil_div(s.group_k(), width)) {
    const Index pixels = rows.outputs * columns.outputs;
    images = std::clamp<Index>(256 / pixels, 1, s.n);
    image_groups = ceil_div(s.n, images);
    bands = std::clamp<Index>(pixels / 256, 1, rows.outputs);
    splits = std::clamp<Index>(blocks / 2, 1, 16);
    const Index room = std::max<Index>(1, (Index{4} << 20) / s.weight_size());
    sums = std::min({chunks(), room, ceil_div(16, splits)});
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

/// The weight gradient of one group of channels and of some blocks of output channels.
template <class T>
class WeightGradientTask {
 public:
  WeightGradientTask(const ConvShape& shape, const WeightGradientPlan& plan, Index group, const Range& blocks)
      : s_(shape), plan_(plan), group_(group), blocks_(blocks) {
    for (Index c = 0; c < s_.group_c(); c += tiles_.back().size()) {
      const Index size = tile_size(s_.group_c() - c, 6);
      tiles_.push_back({c, c + size});
    }
  }

  /// sums: (block, tap row, tap column, in channel, out channel), overwritten by the sum over the chunks.
  void run(const Range& chunks, const T* x, const T* dy, T* sums) {
    const Index pixels = plan_.columns.outputs;
    for (Index i = chunks.first; i < chunks.end; ++i) {
      const Chunk chunk = plan_.chunk(i, s_.n);
      const Range in = plan_.input_rows(chunk);
      const Index x_pixels = chunk.images.size() * in.size() * s_.w;
      const Index dy_pixels = chunk.images.size() * chunk.rows.size() * pixels;
      Scratch<T> scratch(static_cast<std::size_t>(x_pixels * s_.group_c() + dy_pixels * plan_.width + 16));
      T *const x_panels = scratch.data(), *const dy_panel = x_panels + x_pixels * s_.group_c();
      pack_x(chunk, in, x, x_panels);
      for (Index block = blocks_.first; block < blocks_.end; ++block) {
        pack_dy(chunk, block, dy, dy_panel);
        T* const to = sums + block * s_.r * s_.s * s_.group_c() * plan_.width;
        for (const Range& tile : tiles_) {
          const T* panel = x_panels + x_pixels * tile.first;
          if (plan_.width == simd::width<T>) {
            add_tile<1>(chunk, in, tile, panel, dy_panel, i == chunks.first, to);
          } else {
            add_tile<2>(chunk, in, tile, panel, dy_panel, i == chunks.first, to);
          }
        }
      }
    }
  }

 private:
  /// (tile, image, row, column, channel of the tile)
  void pack_x(const Chunk& chunk, const Range& rows, const T* x, T* to) const {
    for (const Range& tile : tiles_)
      for (Index n = chunk.images.first; n < chunk.images.end; ++n) {
        const T* from = x + (n * s_.h + rows.first) * s_.w * s_.c + group_ * s_.group_c() + tile.first;
        for (Index pixel = 0; pixel < rows.size() * s_.w; ++pixel, from += s_.c)
          to = std::copy_n(from, tile.size(), to);
      }
  }
  /// (image, row, column, channel of the block), zeros past the last channel
  void pack_dy(const Chunk& chunk, Index block, const T* dy, T* to) const {
    const Index count = std::min(plan_.width, s_.group_k() - block * plan_.width);
    const Index row = plan_.columns.outputs * s_.k;
    for (Index n = chunk.images.first; n < chunk.images.end; ++n) {
      const T* from =
          dy + (n * plan_.rows.outputs + chunk.rows.first) * row + group_ * s_.group_k() + block * plan_.width;
      for (Index pixel = 0; pixel < chunk.rows.size() * plan_.columns.outputs; ++pixel, from += s_.k) {
        to = std::copy_n(from, count, to);
        to = std::fill_n(to, plan_.width - count, T(0));
      }
    }
  }

  template <int V>
  void add_tile(const Chunk& chunk, const Range& in, const Range& tile, const T* x, const T* dy, bool first, T* to) {
    switch (tile.size()) {
      case 1:
        return add_taps<1, V>(chunk, in, tile.first, x, dy, first, to);
      case 2:
        return add_taps<2, V>(chunk, in, tile.first, x, dy, first, to);
      case 3:
        return add_taps<3, V>(chunk, in, tile.first, x, dy, first, to);
      case 4:
        return add_taps<4, V>(chunk, in, tile.first, x, dy, first, to);
      case 5:
        return add_taps<5, V>(chunk, in, tile.first, x, dy, first, to);
      default:
        return add_taps<6, V>(chunk, in, tile.first, x, dy, first, to);
    }
  }

  template <int P, int V>
  void add_taps(const Chunk& chunk, const Range& in, Index channel, const T* x, const T* dy, bool first, T* to) {
    const Axis &rows = plan_.rows, &columns = plan_.columns;
    for (Index r = 0; r < s_.r; ++r) {
      const Range valid_rows = rows.valid_outputs(chunk.rows, r);
      for (Index s = 0; s < s_.s; ++s) {
        const Range valid = columns.valid_outputs({0, columns.outputs}, s);
        T* const sums = to + ((r * s_.s + s) * s_.group_c() + channel) * plan_.width;
        Tile<T, P, V> tile;
        if (first) {
          tile.clear();
        } else {
          tile.load(sums);
        }
        for (Index n = 0; n < chunk.images.size(); ++n)
          for (Index i = valid_rows.first; i < valid_rows.end; ++i) {
            const Index row = n * in.size() + rows.input(i, r) - in.first;
            const T* from = x + (row * s_.w + columns.input(valid.first, s)) * P;
            std::array<const T*, P> pointers;
            for (std::size_t p = 0; p < P; ++p) pointers[p] = from + p;
            const Index out_row = n * chunk.rows.size() + i - chunk.rows.first;
            tile.add_products(pointers, columns.stride * P,
                              dy + (out_row * columns.outputs + valid.first) * Tile<T, P, V>::columns, valid.size());
          }
        tile.store(sums);
      }
    }
  }

  const ConvShape& s_;
  const WeightGradientPlan& plan_;
  Index group_;
  Range blocks_;
  std::vector<Range> tiles_;
};

/// dweight of a convolution, overwritten.
template <class T>
void backward_weight(const ConvShape& s, const T* x, const T* dy, T* dw) {
  const WeightGradientPlan plan(s, simd::width<T>);
  const Index taps = s.r * s.s, size = plan.blocks * taps * s.group_c() * plan.width;
  Scratch<T> scratch(static_cast<std::size_t>(s.spec.groups * plan.sums * size));
  T* const sums = scratch.data();
  parallel_each(s.spec.groups * plan.sums * plan.splits, [&](Index i) {
    const Index split = i % plan.splits, sum = i / plan.splits;
    WeightGradientTask<T> task(s, plan, sum / plan.sums, part(plan.blocks, plan.splits, split));
    task.run(part(plan.chunks(), plan.sums, sum % plan.sums), x, dy, sums + sum * size);
  });
  parallel_for(
      s.spec.groups * plan.blocks * taps, ceil_div(4096, s.group_c() * plan.width), [&](Index begin, Index end) {
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

}  // namespace paser::kernels::direct
