#include "paser/pipeline/tiled.hpp"

#include "draw.hpp"
#include "paser/models/unet.hpp"
#include "paser/pipeline/net_policy.hpp"
#include "paser/pipeline/simple_policies.hpp"

/// segment_tiled on images, windows, overlaps and batches of any size: each pixel is what segment() answers for the
/// window whose centre is nearest, of one window the whole image is, and rows that are read one band at a time give the
/// same.
namespace {

using namespace paser;
using namespace paser::pipeline;

const Key noise{11};

Paser<float> small_paser() {
  const auto unet = [](Index width, Index depth, std::uint64_t key) {
    return models::UNet<float>({.in = 1, .classes = 3, .width = width, .depth = depth}, Key{key});
  };
  return {.models = {unet(4, 1, 1), unet(4, 1, 2), unet(6, 1, 3)},
          .policy = NetPolicy<float>{models::PolicyNet<float>(12, Key{4})},
          .grid = {2, 2},
          .estimator = uncertainty::McDropout{.samples = 2}};
}

/// The pixels of a window: those of the image, mirrored where it ends.
Tensor<float, 4> cut(const Tensor<float, 4>& image, Index top, Index left, Index height, Index width) {
  Tensor<float, 4> window({1, height, width, 1});
  float* out = window.mutable_data();
  const Index h = image.shape().h(), w = image.shape().w();
  const auto inside = [](Index i, Index begin, Index end) { return begin + mirrored(i - begin, end - begin); };
  for (Index y = top; y < top + height; ++y)
    for (Index x = left; x < left + width; ++x)
      *out++ = image(0, y < h ? y : inside(y, top, h), x < w ? x : inside(x, left, w), 0);
  return window;
}

/// Of the windows along an axis the one whose centre is nearest, the later one of two.
std::size_t nearest(const std::vector<Index>& begins, Index window, Index at) {
  std::size_t best = 0;
  for (std::size_t i = 1; i < begins.size(); ++i)
    if (at >= (begins[i - 1] + window + begins[i]) / 2) best = i;
  return best;
}

/// Where the windows begin: the fewest that overlap as asked, evenly from border to border.
std::vector<Index> windows_along(Index extent, Index window, double overlap) {
  for (Index gaps = 0;; ++gaps) {
    std::vector<Index> begins;
    const Index room = std::max<Index>(0, extent - window);
    for (Index i = 0; i <= gaps; ++i) begins.push_back(gaps == 0 ? 0 : i * room / gaps);
    bool enough = begins.back() + window >= extent;
    for (std::size_t i = 1; i < begins.size(); ++i)
      enough =
          enough && (begins[i] - begins[i - 1] <=
                     std::max<Index>(1, window - static_cast<Index>(std::ceil(overlap * static_cast<double>(window)))));
    if (enough) return begins;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const auto paser = small_paser();
  fuzz::Draw draw(data, size);
  TiledOptions options{.height = 4 * draw.between(1, 5), .width = 4 * draw.between(1, 6)};
  options.overlap = draw.pick({0.25, 0.0, 0.1, 0.5, 0.75});
  const Index height = draw.between(1, 40), width = draw.between(1, 40);
  const auto values = draw.values<float>(height * width, 0, 1);
  Tensor<float, 4> image({1, height, width, 1});
  std::copy(values.begin(), values.end(), image.mutable_data());
  const auto rows = windows_along(height, options.height, options.overlap),
             columns = windows_along(width, options.width, options.overlap);
  if (rows.size() * columns.size() > 24) return 0;

  options.batch = 1;  // other batches round otherwise
  const Policy<float> policy = draw.flag() ? Policy<float>(Constant{draw.pick<std::int32_t>({0, 1, 2})}) : paser.policy;
  const auto tiled = segment_tiled(paser, policy, image, noise, options);
  const std::string what = message("image ", height, " x ", width, ", windows ", options.height, " x ", options.width,
                                   ", overlap ", options.overlap, ": ");
  if (tiled.summary.windows != static_cast<Index>(rows.size() * columns.size()))
    fuzz::finding(what, tiled.summary.windows, " windows, expected ", rows.size() * columns.size());
  std::uint64_t id = 0;
  for (std::size_t i = 0; i < rows.size(); ++i)
    for (std::size_t j = 0; j < columns.size(); ++j) {
      const auto window = cut(image, rows[i], columns[j], options.height, options.width);
      const auto answer = segment(paser, policy, window, {id++}, noise);
      for (Index y = rows[i]; y < std::min(height, rows[i] + options.height); ++y)
        for (Index x = columns[j]; x < std::min(width, columns[j] + options.width); ++x) {
          if (nearest(rows, options.height, y) != i || nearest(columns, options.width, x) != j) continue;
          const std::int32_t want = answer.labels(0, y - rows[i], x - columns[j]), got = tiled.maps.labels(0, y, x);
          if (got != want) fuzz::finding(what, "pixel ", y, ", ", x, " is of class ", got, ", in its window ", want);
        }
    }
  return 0;
}
