#include <catch2/catch.hpp>

#include "paser/io/image.hpp"
#include "segmentation/networks.hpp"
#include "support/temporary_folder.hpp"

using namespace segmentation;
using Catch::Matchers::Contains;

namespace {

/// Images of 16 x 16 whose left half has the value 50 and whose right half 150, in the layout of the authors' data.
Config data_of(const TemporaryFolder& folder) {
  namespace fs = std::filesystem;
  paser::Tensor<std::uint8_t, 3> image({16, 16, 1}), mask({16, 16, 1});
  std::uint8_t *pixel = image.mutable_data(), *label = mask.mutable_data();
  for (Index i = 0; i < 256; ++i) {
    label[i] = static_cast<std::uint8_t>(i % 16 / 8);
    pixel[i] = static_cast<std::uint8_t>(50 + 100 * label[i]);
  }
  for (const auto& [part, count] : {std::pair{"train", 3}, {"validation", 1}, {"test", 1}})
    for (int i = 0; i < count; ++i)
      for (const auto& [kind, pixels] : {std::pair{"_images", image}, {"_label", mask}}) {
        const fs::path to = folder / "data" / (std::string(part) + kind);
        fs::create_directories(to);
        paser::io::write_png(to / paser::message(i, ".png"), pixels);
      }
  Config c;
  c.data = (folder / "data").string();
  c.widths = {2, 2, 2};
  c.depths = {1, 1, 1};
  c.grid = {2, 2};
  c.flips = c.half_turns = false;
  return c;
}

/// The values of the left and of the right half, as the networks see them.
std::pair<float, float> halves(const Folder& images) {
  const auto x = images.range(0, 1).images;
  return {x(0, 0, 0, 0), x(0, 0, 15, 0)};
}

}  // namespace

TEST_CASE("a range of stored values reaches every part of the data and the file of the trained PaSeR") {
  const TemporaryFolder folder;
  Config c = data_of(folder);
  c.value_range = {0, 100};
  const Data data(c, true);
  for (const Folder& images : {data.varied(1), data.plain(2), data.validation(), data.test()}) {
    CHECK(halves(images).first == Approx(0.5f));
    CHECK(halves(images).second == 1.0f);  // clipped
  }
  const auto d = describe(c, data);
  const auto file = folder / "p.safetensors";
  pipeline::save_paser(file, fresh_paser(c, d), d);
  const auto read = pipeline::load_paser<float>(file).description;
  REQUIRE(read.value_range.has_value());
  CHECK(read.value_range->low == 0);
  CHECK(read.value_range->high == 100);
  CHECK(read.info["settings"]["value_range"] == nlohmann::json{0, 100});
}

TEST_CASE("without a range values are shares of the files' full scale, and a range must rise") {
  const TemporaryFolder folder;
  Config c = data_of(folder);
  const Data data(c, true);
  CHECK(halves(data.validation()).first == Approx(50.0f / 255.0f));
  CHECK_FALSE(describe(c, data).value_range.has_value());
  c.value_range = {4095, 0};
  CHECK_THROWS_WITH(Data(c), Contains("value_range: [4095, 0], expected a range that rises"));
}
