/// Segments image files with the networks of a run folder that train_noisy_mnist made. An image of any size is cut into
/// tiles of 32x32 pixels, the size the networks know; the policy sends each tile to one of them. For every image four
/// PNG files are written: NAME_mask (gray value = class), NAME_overlay (outlines over the image), NAME_entropy and
/// NAME_route.

#include <CLI/CLI.hpp>
#include <fstream>
#include <iostream>

#include "noisy_mnist/networks.hpp"
#include "paser/data/patches.hpp"
#include "paser/io/image.hpp"
#include "paser/report/figures.hpp"

namespace {

using namespace paser;
namespace fs = std::filesystem;

constexpr Index tile = 32;

Index rounded_up(Index size) {
  return (size + tile - 1) / tile * tile;
}

/// The run's settings, as config.json has them.
noisy_mnist::Config settings(const fs::path& run) {
  const fs::path file = run / "config.json";
  std::ifstream in(file);
  check<IoError>(in.good(), "segment_image", "cannot read ", file.string(), "; expected the folder of a finished run");
  const auto document = nlohmann::json::parse(in, nullptr, false);
  check<FormatError>(document.is_object() && document.contains("settings"), "segment_image", file.string(),
                     " is not the configuration of a run");
  return document["settings"].get<noisy_mnist::Config>();
}

/// A gray image in [0,1], (1, H, W, 1) with both sides filled up with black to whole tiles.
Tensor<float, 4> padded(const io::Raster& gray) {
  const Index h = rounded_up(gray.height()), w = rounded_up(gray.width());
  auto image = Tensor<float, 4>::zeros({1, h, w, 1});
  float* out = image.mutable_data();
  for (Index y = 0; y < gray.height(); ++y)
    for (Index x = 0; x < gray.width(); ++x)
      out[y * w + x] = static_cast<float>(gray.pixels(y, x, 0)) / static_cast<float>(gray.maximum);
  return image;
}

/// The upper left corner of a map of image 0, (1, H, W, ...) -> (1, h, w, ...).
template <class T, int Rank>
Tensor<T, Rank> cropped(const Tensor<T, Rank>& map, Index h, Index w) {
  Shape<Rank> shape = map.shape();
  const Index channels = map.numel() / (shape[1] * shape[2]), width = shape[2];
  shape[1] = h;
  shape[2] = w;
  Tensor<T, Rank> result(shape);
  T* out = result.mutable_data();
  for (Index y = 0; y < h; ++y) out = std::copy_n(map.data() + y * width * channels, w * channels, out);
  return result;
}

/// Segments one file and writes its four pictures. Returns the share of tiles that went to each model.
std::vector<Index> segment(const pipeline::Paser<float>& paser, const fs::path& file, const fs::path& out, Key key) {
  const io::Raster gray = io::to_gray(io::read_image(file));
  const Tensor<float, 4> image = padded(gray);
  const data::PatchGrid grid{image.shape().h() / tile, image.shape().w() / tile};
  const Tensor<float, 4> tiles = data::extract_patches(image, grid);
  pipeline::Ids ids(static_cast<std::size_t>(grid.patches()));
  for (std::size_t i = 0; i < ids.size(); ++i) ids[i] = i;

  const auto belief = paser.belief(tiles, ids, key);
  const auto result = paser.segment(tiles, ids, key);
  const Labels labels = cropped(data::assemble_patches(result.labels, grid), gray.height(), gray.width());
  const auto entropy = cropped(data::assemble_patches(belief.entropy, grid), gray.height(), gray.width());
  Labels route({grid.patches(), tile, tile});
  std::int32_t* out_route = route.mutable_data();
  std::vector<Index> count(paser.models.size(), 0);
  for (Index i = 0; i < grid.patches(); ++i) {
    const std::int32_t model = result.actions.data()[i];
    std::fill_n(out_route + i * tile * tile, tile * tile, model + 1);  // class 0 would be drawn in black
    ++count[static_cast<std::size_t>(model)];
  }
  const auto name = [&](const char* what) { return out / (file.stem().string() + "_" + what + ".png"); };
  io::write_png(name("mask"), labels);
  const auto picture = report::image_picture(cropped(image, gray.height(), gray.width()));
  io::write_png(name("overlay"), report::overlay_contours(picture, labels));
  const Shape<4> map{1, gray.height(), gray.width(), 1};
  io::write_png(name("entropy"), report::heat_picture(entropy.reshape(map), 0, std::log(2.0)));
  io::write_png(name("route"),
                report::label_picture(cropped(data::assemble_patches(route, grid), gray.height(), gray.width())));
  return count;
}

}  // namespace

int main(int argc, char** argv) {
  fs::path run, out = "segmented";
  std::string variant = "paser_tvd0";
  std::vector<fs::path> files;
  std::uint64_t seed = 1;
  CLI::App app("Segments image files with a run folder of train_noisy_mnist.");
  app.add_option("run", run, "the run folder")->required();
  app.add_option("images", files, "image files: PNG, JPEG, BMP, PNM")->required();
  app.add_option("--out", out, "folder for the pictures")->capture_default_str();
  app.add_option("--variant", variant, "the checkpoint: paser_tvd0, paser_tvd5 or paser_tvd10")->capture_default_str();
  app.add_option("--seed", seed, "of the dropout noise")->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  int failures = 0;
  try {
    auto paser = noisy_mnist::fresh_paser(settings(run));
    noisy_mnist::load_paser(run / "checkpoints" / (variant + ".safetensors"), paser);
    fs::create_directories(out);
    for (const fs::path& file : files) {
      try {
        const auto count = segment(paser, file, out, Key{seed});
        std::cout << file.string() << ": tiles";
        for (std::size_t k = 0; k < count.size(); ++k) std::cout << (k > 0 ? ", f" : " f") << k + 1 << " " << count[k];
        std::cout << "\n";
      } catch (const std::exception& error) {
        std::cerr << "error: " << error.what() << "\n";
        ++failures;
      }
    }
  } catch (const std::exception& error) {
    std::cerr << "error: " << error.what() << "\n";
    return 1;
  }
  if (failures > 0) std::cerr << failures << " of " << files.size() << " images failed\n";
  return failures > 0 ? 1 : 0;
}
