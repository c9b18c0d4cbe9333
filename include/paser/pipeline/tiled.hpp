#pragma once
#include "paser/core/macros_off.inc"

#include <functional>
#include <optional>

#include "paser/data/augment.hpp"
#include "paser/pipeline/routing/domain.hpp"
#include "paser/pipeline/segment.hpp"

/// Segmentation of images of any size, in memory that the image's height does not matter to.
///
/// The image is cut into overlapping windows of the size that the networks were trained on, and every pixel is answered
/// by the window whose centre is nearest (the overlap-tile strategy of Ronneberger et al. 2015): near its edges a
/// window has seen one side only. So each pixel has one window, one patch and one model, and nothing is averaged. An
/// image of the trained size is one window, and its answer that of segment(). Windows lie evenly between the
/// borders of the image; an image that is smaller than a window is mirror-padded.
namespace paser::pipeline {

/// How an image is cut.
struct TiledOptions {
  Index height = 0, width = 0;  ///< of a window: the size of the images trained on
  double overlap = 0.25;        ///< least share of a window's side that it has in common with its neighbour, 0 .. 0.9
  /// Windows that f1 gets at once; bounds the memory. 0: as many as have 65,536 pixels together. Other batches give
  /// results that differ by rounding at most.
  Index batch = 0;
  bool class_probabilities = false;  ///< the bands have those of every class
  /// Called after each batch; may throw to stop.
  std::function<void(Index windows_done, Index windows)> progress{};
};

/// Some consecutive rows of a segmented image, each map (1, rows, W).
template <class T>
struct TiledBand {
  Index row = 0;                       ///< of the image, that these begin with
  Labels labels;                       ///< class
  Labels routes;                       ///< the model that answered, 0 for the coarse model
  Tensor<T, 3> probability;            ///< of the class, as the model that answered has it
  Tensor<T, 3> entropy;                ///< in nats, see Segmentation::entropy
  Tensor<T, 4> class_probabilities{};  ///< of every class, (1, rows, W, K); empty unless asked for
};

/// What an image took.
struct TiledSummary {
  Index windows = 0;
  std::vector<Index> patches;  ///< of all windows, by the model that answered
  Work work{};                 ///< what was run; its images are windows
  /// Means over the patches of each window of what uncertainty::patch_statistics says of them, window after window;
  /// empty for a policy that does not read them.
  std::vector<double> statistics{};
};

/// A whole segmented image.
template <class T>
struct TiledImage {
  TiledBand<T> maps;
  TiledSummary summary;
};

namespace detail {

/// Where a window lies along one axis, and the pixels that it answers.
struct WindowSpan {
  Index begin, answer_begin, answer_end;
};

/// The fewest windows along an axis that overlap by `overlap` of their extent at least.
template <class Spans = std::vector<WindowSpan>>
Spans window_spans(Index extent, Index window, double overlap) {
  const Index room = std::max<Index>(extent - window, 0);
  const Index step = std::max<Index>(window - static_cast<Index>(std::ceil(overlap * static_cast<double>(window))), 1);
  const Index gaps = (room + step - 1) / step;
  Spans spans;
  for (Index i = 0; i <= gaps; ++i) spans.push_back({gaps == 0 ? 0 : i * room / gaps, 0, extent});
  for (std::size_t i = 1; i < spans.size(); ++i)
    spans[i].answer_begin = spans[i - 1].answer_end = (spans[i - 1].begin + window + spans[i].begin) / 2;
  return spans;
}

/// The windows begin .. end - 1 of a row of them. `rows` are the image's rows from the windows' first on; what lies
/// outside of the image is mirrored.
template <class T>
Tensor<T, 4> cut_windows(const Tensor<T, 4>& rows, const std::vector<WindowSpan>& columns, Index begin, Index end,
                         const TiledOptions& options) {
  const Index h = rows.shape().h(), w = rows.shape().w(), c = rows.shape().c();
  Tensor<T, 4> windows({end - begin, options.height, options.width, c});
  T* out = windows.mutable_data();
  for (Index i = begin; i < end; ++i) {
    const Index left = columns[static_cast<std::size_t>(i)].begin, inside = std::min(options.width, w - left);
    for (Index y = 0; y < options.height; ++y) {
      const T* row = rows.data() + mirrored(y, h) * w * c;
      out = std::copy_n(row + left * c, inside * c, out);
      for (Index x = left + inside; x < left + options.width; ++x) out = std::copy_n(row + mirrored(x, w) * c, c, out);
    }
  }
  return windows;
}

/// Writes the pixels that a batch of windows answers into their band.
template <class T>
class BandWriter {
 public:
  BandWriter(TiledBand<T>& band, Index rows, Index width) : band_(band), width_(width) {
    const Shape<3> shape{1, rows, width};
    band.labels = Labels(shape);
    band.routes = Labels(shape);
    band.probability = Tensor<T, 3>(shape);
    band.entropy = Tensor<T, 3>(shape);
    labels_ = band.labels.mutable_data();
    routes_ = band.routes.mutable_data();
    probability_ = band.probability.mutable_data();
    entropy_ = band.entropy.mutable_data();
  }

  void write(const Segmentation<T>& answers, Index n, const data::PatchGrid& grid, const WindowSpan& row,
             const WindowSpan& column) {
    const Index h = answers.labels.shape()[1], w = answers.labels.shape()[2];
    const Index patch_h = h / grid.rows, patch_w = w / grid.columns;
    const Index classes = answers.class_probabilities.empty() ? 0 : answers.class_probabilities.shape().c();
    if (classes > 0 && band_.class_probabilities.empty())
      band_.class_probabilities = Tensor<T, 4>({1, band_.labels.shape()[1], width_, classes});
    T* const each = band_.class_probabilities.mutable_data();
    for (Index y = row.answer_begin; y < row.answer_end; ++y) {
      const Index from = (n * h + y - row.begin) * w, to = (y - row.answer_begin) * width_;
      for (Index x = column.answer_begin; x < column.answer_end; ++x) {
        const Index pixel = from + x - column.begin;
        labels_[to + x] = answers.labels.data()[pixel];
        probability_[to + x] = answers.probability.data()[pixel];
        entropy_[to + x] = answers.entropy.data()[pixel];
        routes_[to + x] =
            answers.answered_by(n, (y - row.begin) / patch_h * grid.columns + (x - column.begin) / patch_w);
        std::copy_n(answers.class_probabilities.data() + pixel * classes, classes, each + (to + x) * classes);
      }
    }
  }

 private:
  TiledBand<T>& band_;
  Index width_;
  std::int32_t *labels_, *routes_;
  T *probability_, *entropy_;
};

inline void check_tiling(const TiledOptions& o, const data::PatchGrid& grid, Index height, Index width) {
  check(height >= 1 && width >= 1, "segment_tiled", "an image of ", height, " x ", width, " pixels");
  check<ValueError>(o.height >= 1 && o.width >= 1, "segment_tiled", "windows of ", o.height, " x ", o.width, " pixels");
  check(o.height % grid.rows == 0 && o.width % grid.columns == 0, "segment_tiled", "windows of ", o.height, " x ",
        o.width, " pixels do not divide into ", grid.rows, " x ", grid.columns, " patches");
  check<ValueError>(o.overlap >= 0 && o.overlap <= 0.9, "segment_tiled", "an overlap of ", o.overlap,
                    ", expected 0 .. 0.9 of a window");
  check<ValueError>(o.batch >= 0, "segment_tiled", "batches of ", o.batch, " windows");
}

}  // namespace detail

/// Segments an image of height x width pixels under a policy, one row of windows after the other. read(begin, end)
/// returns rows begin .. end - 1 of the image, (1, end - begin, W, C); rows in which windows overlap are asked for
/// twice. write(TiledBand) receives the answer from the top to the bottom. Memory: one row of windows, one batch of
/// them in the networks. Noise in a window depends only on `key` and the window's number, row by row. Throws ShapeError
/// when windows, grid or rows do not fit, ValueError on other options, and what read and write throw.
template <class T, class Read, class Write>
TiledSummary segment_tiled(const Paser<T>& paser, const std::type_identity_t<Policy<T>>& policy, Index height,
                           Index width, Key key, const TiledOptions& options, const Read& read, const Write& write) {
  detail::check_tiling(options, paser.grid, height, width);
  const auto rows = detail::window_spans(height, options.height, options.overlap);
  const auto columns = detail::window_spans(width, options.width, options.overlap);
  const auto across = static_cast<Index>(columns.size());
  const Index automatic = std::max<Index>(1, 65536 / std::max<Index>(1, options.height * options.width));
  TiledSummary summary{.windows = static_cast<Index>(rows.size()) * across, .patches = {}};
  summary.patches.assign(paser.models.size(), 0);
  Index done = 0;
  for (const detail::WindowSpan& row : rows) {
    const Index end = std::min(row.begin + options.height, height);
    const Tensor<T, 4> pixels = read(row.begin, end);
    check(pixels.shape().n() == 1 && pixels.shape().h() == end - row.begin && pixels.shape().w() == width,
          "segment_tiled", "asked for rows ", row.begin, " .. ", end - 1, " of ", width, " pixels, got ",
          pixels.shape());
    TiledBand<T> band;
    band.row = row.answer_begin;
    detail::BandWriter<T> out(band, row.answer_end - row.answer_begin, width);
    for_each_chunk(across, options.batch > 0 ? options.batch : automatic, [&](Index first, Index last) {
      const Tensor<T, 4> windows = detail::cut_windows(pixels, columns, first, last, options);
      ImageIds ids;
      for (Index i = first; i < last; ++i) ids.push_back(static_cast<std::uint64_t>(done + i - first));
      const auto answers =
          segment(paser, policy, windows, ids, key, {.class_probabilities = options.class_probabilities});
      for (Index i = first; i < last; ++i)
        out.write(answers, i - first, paser.grid, row, columns[static_cast<std::size_t>(i)]);
      for (const std::int32_t model : answers.answered_by.values())
        ++summary.patches.at(static_cast<std::size_t>(model));
      summary.work += answers.work;
      if (!answers.state.statistics.empty()) {
        const auto means = image_statistics(answers.state.statistics);
        summary.statistics.insert(summary.statistics.end(), means.data(), means.data() + means.numel());
      }
      done += last - first;
      if (options.progress) options.progress(done, summary.windows);
    });
    write(std::as_const(band));
  }
  return summary;
}

/// The same for an image in memory, (1, H, W, C).
template <class T>
TiledImage<T> segment_tiled(const Paser<T>& paser, const std::type_identity_t<Policy<T>>& policy,
                            const Tensor<T, 4>& image, Key key, const TiledOptions& options) {
  const Shape<4>& s = image.shape();
  check(s.n() == 1, "segment_tiled", "expected one image, got ", s);
  const Index row = s.w() * s.c();
  TiledImage<T> result;
  Labels& labels = result.maps.labels = Labels({1, s.h(), s.w()});
  Labels& routes = result.maps.routes = Labels({1, s.h(), s.w()});
  Tensor<T, 3>& probability = result.maps.probability = Tensor<T, 3>({1, s.h(), s.w()});
  Tensor<T, 3>& entropy = result.maps.entropy = Tensor<T, 3>({1, s.h(), s.w()});
  Tensor<T, 4>& each = result.maps.class_probabilities;
  const auto place = [&s](auto& whole, const auto& part, Index at) {
    std::copy_n(part.data(), part.numel(), whole.mutable_data() + at * s.w());
  };
  result.summary = segment_tiled(
      paser, policy, s.h(), s.w(), key, options,
      [&](Index begin, Index end) {
        Tensor<T, 4> rows({1, end - begin, s.w(), s.c()});
        std::copy_n(image.data() + begin * row, rows.numel(), rows.mutable_data());
        return rows;
      },
      [&](const TiledBand<T>& band) {
        place(labels, band.labels, band.row);
        place(routes, band.routes, band.row);
        place(probability, band.probability, band.row);
        place(entropy, band.entropy, band.row);
        if (!options.class_probabilities) return;
        const Index classes = band.class_probabilities.shape().c();
        if (each.empty()) each = Tensor<T, 4>({1, s.h(), s.w(), classes});
        std::copy_n(band.class_probabilities.data(), band.class_probabilities.numel(),
                    each.mutable_data() + band.row * s.w() * classes);
      });
  return result;
}

/// The same by the Paser's own policy.
template <class T>
TiledImage<T> segment_tiled(const Paser<T>& paser, const Tensor<T, 4>& image, Key key, const TiledOptions& options) {
  return segment_tiled(paser, paser.policy, image, key, options);
}

}  // namespace paser::pipeline
#include "paser/core/macros_on.inc"
