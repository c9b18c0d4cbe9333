#include <catch2/catch.hpp>

#include "examples/segment_image_bench.hpp"
#include "paser/io/tiff_encoder.hpp"
#include "paser/report/figures.hpp"
#include "segment_image/area_table.hpp"

namespace segment_outputs_test {

using namespace segment_image_bench;
using Catch::Matchers::Contains;

const std::vector<std::string> all{"--write", "mask,overlay,probability,entropy,routes,classes,areas", "--seed", "3"};

std::vector<std::string> with(std::vector<std::string> more) {
  more.insert(more.begin(), all.begin(), all.end());
  return more;
}

/// Lines of a table with this in them.
std::vector<std::string> lines_of(const fs::path& table, const std::string& part) {
  std::istringstream text(content_of(table));
  std::vector<std::string> found;
  for (std::string line; std::getline(text, line, '\n');)
    if (line.find(part) != std::string::npos) found.push_back(line.substr(0, line.size() - 1));
  return found;
}

Index count(const Labels& labels, std::int32_t k) {
  return std::count(labels.data(), labels.data() + labels.numel(), k);
}

TEST_CASE("areas.csv: no number has an exponent, and each reads back as what it is") {
  segment_image::AreaTable table({"pore", "carbon"});
  table.add("a.png", "", {1, 999999}, io::PixelArea{2.5e-9, "um2"});
  table.add("b.png", "", {3, 0}, io::PixelArea{1e21, "rod2"});
  CHECK(table.text() ==
        "image,page,class,name,pixels,share,area,unit\r\n"
        "a.png,,0,pore,1,0.000001,0.0000000025,um2\r\n"
        "a.png,,1,carbon,999999,0.999999,0.0024999975,um2\r\n"
        "b.png,,0,pore,3,1,3000000000000000000000,rod2\r\n"
        "b.png,,1,carbon,0,0,0,rod2\r\n");
  for (const double value : {0.1, 1.0 / 3, 5e-324, 1.7976931348623157e308, 123456789.0})
    CHECK(std::strtod(plain_number(value).c_str(), nullptr) == value);
}

TEST_CASE("segment_image: PNG of 16 bits keeps probabilities and entropy to a step of 1 / 65535") {
  const Bench bench(1);
  const auto answer = bench.answer(tiny::input(bench.store("a.png", 20, 30)), 3);
  REQUIRE(bench.segment(with({"--format", "png16"})).status == 0);
  const auto step = [&](const char* kind, const Tensor<float, 3>& values, double most) {
    const io::DecodedImage page = io::ImageFile(bench.out() / (std::string("a_") + kind + ".png")).page(0);
    CHECK(page.bits == 16);
    REQUIRE(page.integers.pixels.numel() == values.numel());
    double largest = 0;
    for (Index i = 0; i < values.numel(); ++i)
      largest = std::max(
          largest, std::abs(page.integers.pixels.data()[i] / 65535.0 - static_cast<double>(values.data()[i]) / most));
    return 65535 * largest;
  };
  CHECK(step("probability", answer.maps.probability, 1) < 0.51);
  CHECK(step("entropy", answer.maps.entropy, std::log(3.0)) < 0.51);
  CHECK(same_bits(tiny::stored_labels(bench.out() / "a_mask.png"), answer.maps.labels));
  CHECK(fs::exists(bench.out() / "a_class_2.png"));
  // Without a size of pixels there are shares and no areas.
  const auto lines = lines_of(bench.out() / "areas.csv", "a.png");
  REQUIRE(lines.size() == 3);
  const Index pores = count(answer.maps.labels, 0);
  CHECK_THAT(lines[0],
             Contains(message(",,0,pore,", pores, ",", exact_number(static_cast<double>(pores) / 600), ",,")));
}

TEST_CASE("deploy, the example of a program of one's own, answers as segment_image does") {
  const Bench bench(1);
  const auto answer = bench.answer(tiny::input(bench.store("a.png", 20, 30)), 1);
  const auto mask = bench.folder / "mask.png";
  const auto ended = run_program(
      bench.folder.path(), {PASER_DEPLOY, bench.model().string(), (bench.images() / "a.png").string(), mask.string()});
  INFO(ended.err);
  REQUIRE(ended.status == 0);
  CHECK(same_bits(tiny::stored_labels(mask), answer.maps.labels));
  const std::string image = (bench.images() / "a.png").string(), before = io::read_file(image);
  const auto over = run_program(bench.folder.path(), {PASER_DEPLOY, bench.model().string(), image, image});
  CHECK(over.status == 1);
  CHECK_THAT(over.err, Contains("is there already and is not replaced"));
  CHECK(io::read_file(image) == before);
  const fs::path to_nothing = bench.folder / "link.png";
  fs::create_symlink("elsewhere.png", to_nothing);
  const auto link =
      run_program(bench.folder.path(), {PASER_DEPLOY, bench.model().string(), image, to_nothing.string()});
  CHECK(link.status == 1);
  CHECK_THAT(link.err, Contains("link.png is there already and is not replaced"));
  CHECK_FALSE(fs::exists(bench.folder / "elsewhere.png"));
  const auto none = run_program(bench.folder.path(), {PASER_DEPLOY, bench.model().string(), "none.png", "other.png"});
  CHECK(none.status == 1);
  CHECK_THAT(none.err, Contains("none.png") && Contains("does not exist"));
}

#ifdef PASER_WITH_TIFF

/// Some pages as a TIFF stack of 2 pixels per micrometre.
void store_stack(const fs::path& file, const std::vector<tiny::Bytes>& pages,
                 const io::Resolution& resolution = {20000, 20000, io::Resolution::centimetre, {}}) {
  io::TiffEncoder tiff({.pages = static_cast<Index>(pages.size()), .resolution = resolution});
  std::string bytes;
  for (const auto& page : pages) bytes += tiff.page(page);
  io::write_file(file, bytes);
}

TEST_CASE("segment_image: a stack becomes stacks with the resolution kept, real numbers as they are, and a table") {
  const Bench bench(1);
  const std::vector<tiny::Bytes> pages{tiny::picture(20, 30, 1, 1), tiny::picture(17, 25, 1, 2)};
  store_stack(bench.images() / "scan.tif", pages);
  const auto ended = bench.segment(with({"--json"}));
  INFO(ended.err);
  REQUIRE(ended.status == 0);
  std::set<std::string> expected{"areas.csv"};
  for (const char* kind : {"mask", "overlay", "probability", "entropy", "routes", "class_0", "class_1", "class_2"})
    expected.insert(std::string("scan_") + kind + ".tif");
  CHECK(names_in(bench.out()) == expected);

  pipeline::TiledOptions options;
  options.class_probabilities = true;
  std::vector<Index> pores;
  for (std::size_t k = 0; k < pages.size(); ++k) {
    const auto& maps = bench.answer(tiny::input(pages[k]), 3, options).maps;
    const auto stored = [&](const std::string& kind) {
      io::ImageFile file(bench.out() / ("scan_" + kind + ".tif"));
      CHECK(file.pages() == 2);
      CHECK(file.resolution() == io::Resolution{20000, 20000, io::Resolution::centimetre, {}});
      return file.page(static_cast<Index>(k));
    };
    const auto same_numbers = [](const auto& found, const auto& wanted, Index from = 0, Index step = 1) {
      bool same = found.numel() * step == wanted.numel();
      for (Index i = 0; same && i < found.numel(); ++i)
        same = static_cast<double>(found.data()[i]) == static_cast<double>(wanted.data()[from + i * step]);
      return same;
    };
    CHECK(same_numbers(stored("mask").integers.pixels, maps.labels));
    CHECK(stored("mask").bits == 8);
    CHECK(same_numbers(stored("routes").integers.pixels, maps.routes));
    CHECK(same_numbers(stored("probability").reals, maps.probability));
    CHECK(same_numbers(stored("entropy").reals, maps.entropy));
    for (Index c = 0; c < 3; ++c)
      CHECK(same_numbers(stored(message("class_", c)).reals, maps.class_probabilities, c, 3));
    // The outlines have the full colour of their class, and the inside a part of it.
    const io::DecodedImage overlay = stored("overlay");
    Index outlined = 0;
    for (Index y = 1; y + 1 < overlay.height(); ++y)
      for (Index x = 1; x + 1 < overlay.width(); ++x) {
        const auto label = maps.labels(0, y, x);
        if (label == 0) continue;
        const bool edge = maps.labels(0, y - 1, x) != label || maps.labels(0, y + 1, x) != label ||
                          maps.labels(0, y, x - 1) != label || maps.labels(0, y, x + 1) != label;
        const auto colour = report::label_palette[static_cast<std::size_t>(label)];
        const auto* pixel = overlay.integers.pixels.data() + 3 * (y * overlay.width() + x);
        const bool full = pixel[0] == colour.r && pixel[1] == colour.g && pixel[2] == colour.b;
        REQUIRE(full == edge);
        outlined += edge;
      }
    CHECK(outlined > 0);
    pores.push_back(count(maps.labels, 0));
  }
  const auto lines = lines_of(bench.out() / "areas.csv", ",pore,");
  REQUIRE(lines.size() == 3);
  const auto line = [](const std::string& page, Index pixels, double of) {
    return message(",", page, ",0,pore,", pixels, ",", exact_number(static_cast<double>(pixels) / of), ",",
                   exact_number(static_cast<double>(pixels) * 0.25), ",um2");
  };
  CHECK_THAT(lines[0], Contains(line("1", pores[0], 600)));
  CHECK_THAT(lines[1], Contains(line("2", pores[1], 425)));
  CHECK_THAT(lines[2], Contains(line("all", pores[0] + pores[1], 1025)));
  const auto j = nlohmann::json::parse(ended.out);
  CHECK(j["images"][1]["files"]["mask"] == (bench.out() / "scan_mask.tif").string());
  CHECK(j["images"][0]["pixel_area"]["area"].get<double>() == Approx(0.25));
}

TEST_CASE("segment_image: the distance of a stack's pages is kept, with its unit") {
  const Bench bench(1);
  io::Resolution r{2, 2, io::Resolution::no_unit, "micron"};
  r.spacing = 0.75;
  store_stack(bench.images() / "scan.tif", {tiny::picture(20, 30, 1, 1), tiny::picture(20, 30, 1, 2)}, r);
  REQUIRE(bench.segment({"--write", "mask,entropy"}).status == 0);
  for (const char* kind : {"mask", "entropy"}) {
    const fs::path file = bench.out() / (std::string("scan_") + kind + ".tif");
    CHECK(io::ImageFile(file).resolution() == r);
    const auto info = run_program(bench.folder.path(), {PASER_COMMAND, "info", file.string()});
    CHECK_THAT(info.out, Contains("a pixel has 0.25 um2; pages are 0.75 um apart"));
  }
}

TEST_CASE("segment_image: a stack with a bad page, and one in whose place somebody's file is, are not written") {
  const Bench bench(1);
  store_stack(bench.images() / "scan.tif", {tiny::picture(20, 30, 1, 1), tiny::picture(20, 30, 1, 2)});
  std::string bytes = content_of(bench.images() / "scan.tif");
  bytes.resize(bytes.size() - 200);  // of the second page's pixels
  io::write_file(bench.images() / "scan.tif", bytes);
  const auto ended = bench.segment({"--write", "mask"});
  CHECK(ended.status == 1);
  CHECK_THAT(ended.err, Contains("is cut off") && Contains("no stack of it is written") && Contains("1 images failed"));
  CHECK(names_in(bench.out()).empty());
  CHECK(bench.segment({"--write", "mask", "--format", "png"}).status == 1);
  CHECK(names_in(bench.out()) == std::set<std::string>{"scan_0001_mask.png"});

  store_stack(bench.images() / "scan.tif", {tiny::picture(20, 30, 1, 1), tiny::picture(20, 30, 1, 2)});
  for (const char* mine : {"scan_mask.tif", "areas.csv"}) {
    io::write_file(bench.out() / mine, "mine");
    const auto refused = bench.segment({"--write", "mask,areas"});
    CHECK(refused.status != 0);
    CHECK_THAT(refused.err, Contains(mine) && Contains("paser segment did not write it") && Contains("--overwrite"));
    CHECK(content_of(bench.out() / mine) == "mine");
    fs::remove(bench.out() / mine);
  }
  CHECK(bench.segment({"--write", "mask,areas"}).status == 0);
  CHECK(bench.segment({"--write", "mask,areas"}).status == 0);  // its own are replaced
}

#endif

}  // namespace segment_outputs_test
