#include <catch2/catch.hpp>
#include <iostream>

#include "examples/segment_image_bench.hpp"
#include "examples/tiny_training.hpp"
#include "paser/io/tiff_encoder.hpp"

/// What other programs read of the files that ours write. Each of these is a CTest test of its own, and skipped where
/// the other program is not installed.
namespace other_readers {

using namespace paser;
namespace fs = std::filesystem;

bool runs(const std::string& command) {
  return std::system((command + " >/dev/null 2>&1").c_str()) == 0;
}

/// The first python3 that has these modules; none, and the word that CTest looks for, without.
std::optional<std::string> python_with(const std::string& modules) {
  for (const char* python : {"/usr/bin/python3", "/usr/local/bin/python3"})
    if (runs(std::string(python) + " -c 'import " + modules + "'")) return python;
  std::cout << "skipped: needs a python3 with " << modules << std::endl;
  return {};
}

std::string script(const char* name) {
  return std::string(PASER_TEST_DATA) + "/examples/other_readers/" + name;
}

#ifdef PASER_WITH_TIFF

/// A stack of three pages with pixels of half a micrometre, segmented, and what the library says of its pages. The size
/// of the pixels stands in the tags, or with the distance of the pages, 0.75 micrometres, where ImageJ has it.
class Segmented {
 public:
  explicit Segmented(bool imagej) : bench_(1), imagej_(imagej) {
    io::Resolution resolution{20000, 20000, io::Resolution::centimetre, {}};
    if (imagej) {
      resolution = {2, 2, io::Resolution::no_unit, "micron"};
      resolution.spacing = 0.75;
    }
    io::TiffEncoder tiff({.pages = 3, .resolution = resolution});
    std::string bytes;
    pipeline::TiledOptions options;
    options.class_probabilities = true;
    for (std::uint64_t k = 0; k < 3; ++k) {
      const auto picture = tiny::picture(height, width, 1, k);
      bytes += tiff.page(picture);
      pages_.push_back(bench_.answer(tiny::input(picture), 3, options).maps);
    }
    io::write_file(bench_.images() / "scan.tif", bytes);
    const auto ended = bench_.segment(
        {"--write", "mask,overlay,probability,entropy,routes,classes", "--seed", "3", "--format", "tiff"});
    INFO(ended.err);
    REQUIRE(ended.status == 0);
  }

  fs::path text() const { return bench_.folder / "values.txt"; }
  static std::vector<std::string> pictures() {
    return {"mask", "routes", "overlay", "probability", "entropy", "class_0", "class_1", "class_2"};
  }
  /// The stacks, each behind `between`.
  std::string files(const std::string& between) const {
    std::string names;
    for (const std::string& picture : pictures())
      names += between + (bench_.out() / ("scan_" + picture + ".tif")).string();
    return names;
  }

  /// Compares what another program wrote to text() with the library's answer, number by number.
  void check_values() const {
    std::istringstream in(content_of(text()));
    for (const std::string& picture : pictures()) {
      INFO(picture);
      Index wide = 0, high = 0, pages = 0;
      int bits = 0;
      double across = 0, down = 0, apart = 0;
      REQUIRE(in >> wide >> high >> pages >> bits >> across >> down >> apart);
      CHECK(wide == width);
      CHECK(high == height);
      REQUIRE(pages == 3);
      CHECK(bits == (picture == "overlay" ? 24 : picture == "mask" || picture == "routes" ? 8 : 32));
      CHECK(across == Approx(0.5));
      CHECK(down == Approx(0.5));
      if (imagej_) CHECK(apart == Approx(0.75));
      Index different = 0;
      for (Index page = 0; page < pages; ++page) {
        const std::vector<double> expected = values(picture, page);
        for (const double wanted : expected) {
          std::string word;
          REQUIRE(in >> word);
          different += static_cast<double>(std::strtof(word.c_str(), nullptr)) != wanted;
        }
      }
      CHECK(different == 0);
    }
    std::string more;
    CHECK_FALSE(in >> more);
  }

 private:
  static constexpr Index height = 20, width = 30;

  template <class Numbers>
  static std::vector<double> as_doubles(const Numbers& numbers, Index from = 0, Index step = 1) {
    std::vector<double> list;
    for (Index i = from; i < numbers.numel(); i += step) list.push_back(static_cast<double>(numbers.data()[i]));
    return list;
  }

  /// What the page of a picture should hold. Of the overlay, which has no other twin, what our own reader finds.
  std::vector<double> values(const std::string& picture, Index page) const {
    const auto& maps = pages_.at(static_cast<std::size_t>(page));
    if (picture == "mask") return as_doubles(maps.labels);
    if (picture == "routes") return as_doubles(maps.routes);
    if (picture == "probability") return as_doubles(maps.probability);
    if (picture == "entropy") return as_doubles(maps.entropy);
    if (picture != "overlay") return as_doubles(maps.class_probabilities, picture.back() - '0', 3);
    const auto rgb = io::ImageFile(bench_.out() / "scan_overlay.tif").page(page).integers.pixels;
    std::vector<double> packed;
    for (Index i = 0; i < rgb.numel(); i += 3)
      packed.push_back(65536.0 * rgb.data()[i] + 256.0 * rgb.data()[i + 1] + rgb.data()[i + 2]);
    return packed;
  }

  segment_image_bench::Bench bench_;
  bool imagej_;
  std::vector<std::decay_t<decltype(std::declval<pipeline::TiledImage<float>>().maps)>> pages_;
};

TEST_CASE("segmented stacks are read by tifffile", "[.]") {
  const auto python = python_with("numpy, tifffile");
  if (!python) return;
  for (const bool imagej : {false, true}) {
    const Segmented segmented(imagej);
    const std::string read = *python + " " + script("tiff_values.py") + " ";
    REQUIRE(std::system((read + segmented.text().string() + segmented.files(" ")).c_str()) == 0);
    segmented.check_values();
  }
}

TEST_CASE("segmented stacks are read by ImageJ", "[.]") {
  const std::string jar = "/usr/share/java/ij.jar";
  if (!fs::exists(jar) || !runs("command -v java") || !runs("command -v xvfb-run")) {
    std::cout << "skipped: needs imagej, java and xvfb-run" << std::endl;
    return;
  }
  for (const bool imagej : {false, true}) {
    const Segmented segmented(imagej);
    // A home of its own: ImageJ keeps its preferences there. A macro that fails would wait in a dialogue.
    const std::string home = segmented.text().parent_path().string();
    REQUIRE(std::system(("HOME=" + home + " timeout 240 xvfb-run -a java -jar " + jar + " -ijpath " + home +
                         " -batch " + script("tiff_values.ijm") + " '" + segmented.text().string() +
                         segmented.files("\n") + "' >/dev/null 2>&1")
                            .c_str()) == 0);
    segmented.check_values();
  }
}

#endif

TEST_CASE("event files are read by protobuf and crcmod, and have what the log has", "[.]") {
  const auto python = python_with("numpy, crcmod.predefined, google.protobuf");
  if (!python) return;
  const TemporaryFolder folder;
  tiny::write_data_set(folder / "data");
  const auto trained = run_program(
      folder.path(), tiny::training(PASER_TRAIN_SEGMENTATION, folder / "data", folder / "run", {"--tensorboard"}));
  REQUIRE(trained.status == 0);
  const fs::path events = folder / "run" / "events.out.tfevents.paser", log = folder / "run" / "log.jsonl";
  const auto compare = [&](const fs::path& with) {
    return run_program(folder.path(), {*python, script("event_values.py"), events.string(), with.string()});
  };
  const auto ended = compare(log);
  INFO(ended.err);
  REQUIRE(ended.status == 0);
  CHECK(std::stoi(ended.out) > 20);
  // The comparison is one: a line less in the log, or a bit in the file, is told.
  const std::string lines = io::read_file(log);
  io::write_file(folder / "less.jsonl", lines.substr(0, lines.rfind('\n', lines.size() - 2) + 1));
  CHECK_THAT(compare(folder / "less.jsonl").err, Catch::Contains("scalars are not the"));
  std::string bytes = io::read_file(events);
  bytes[bytes.size() / 2] = static_cast<char>(bytes[bytes.size() / 2] ^ 1);
  io::write_file(events, bytes);
  CHECK(compare(log).status == 1);
}

}  // namespace other_readers
