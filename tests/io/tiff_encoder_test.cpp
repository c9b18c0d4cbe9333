#include <catch2/catch.hpp>
#include <cstdlib>
#include <fstream>

#include "paser/io/image_file.hpp"
#include "paser/io/tiff_encoder.hpp"
#include "support/temporary_folder.hpp"

namespace tiff_encoder_test {

using namespace paser;
using Catch::Matchers::Contains;
namespace fs = std::filesystem;

/// A page whose samples differ from place to place and from page to page.
template <class Sample>
Tensor<Sample, 3> page(Index height, Index width, Index channels, int number) {
  Tensor<Sample, 3> pixels({height, width, channels});
  Sample* to = pixels.mutable_data();
  for (Index i = 0; i < pixels.numel(); ++i)
    to[i] = std::is_floating_point_v<Sample> ? static_cast<Sample>(0.37 * static_cast<double>(i) - 3.25 * number)
                                             : static_cast<Sample>(i * 7 + 31 * number);
  return pixels;
}

template <class Sample>
std::string file_of(const std::vector<Tensor<Sample, 3>>& pages, io::TiffOptions options = {}) {
  options.pages = static_cast<Index>(pages.size());
  io::TiffEncoder tiff(options);
  std::string bytes;
  for (const auto& p : pages) bytes += tiff.page(p);
  return bytes;
}

template <class Sample>
std::string samples(const std::vector<Tensor<Sample, 3>>& pages) {
  std::string bytes;
  for (const auto& p : pages)
    bytes.append(reinterpret_cast<const char*>(p.data()), static_cast<std::size_t>(p.numel()) * sizeof(Sample));
  return bytes;
}

const io::Resolution microns{2.5, 1.25, io::Resolution::no_unit, "micron"};
const io::Resolution per_cm{12345.678f, 20000, io::Resolution::centimetre, {}};

#ifdef PASER_WITH_TIFF

/// What our reader finds.
template <class Sample>
void check_by_reader(const fs::path& file, const std::vector<Tensor<Sample, 3>>& pages,
                     const std::optional<io::Resolution>& resolution) {
  io::ImageFile read(file);
  REQUIRE(read.pages() == static_cast<Index>(pages.size()));
  CHECK(read.resolution() == resolution);
  for (std::size_t k = 0; k < pages.size(); ++k) {
    const io::DecodedImage p = read.page(static_cast<Index>(k));
    REQUIRE(p.shape() == pages[k].shape());
    CHECK(p.bits == static_cast<int>(8 * sizeof(Sample)));
    bool same = true;
    for (Index i = 0; i < pages[k].numel(); ++i)
      same = same && (p.real() ? static_cast<Sample>(p.reals.data()[i])
                               : static_cast<Sample>(p.integers.pixels.data()[i])) == pages[k].data()[i];
    CHECK(same);
  }
}

TEST_CASE("TiffEncoder: pages, kinds of samples and the resolution are what our reader finds") {
  const TemporaryFolder folder;
  const auto check_kind = [&]<class Sample>(Sample, Index channels, const std::optional<io::Resolution>& resolution) {
    for (const bool big : {false, true}) {
      CAPTURE(sizeof(Sample), channels, big);
      std::vector<Tensor<Sample, 3>> pages;
      for (int k = 0; k < 3; ++k) pages.push_back(page<Sample>(5, 7 + k, channels, k));
      const fs::path file = folder / "a.tif";
      io::write_file(file, file_of(pages, {.resolution = resolution, .big = big}));
      check_by_reader(file, pages, resolution);
    }
  };
  check_kind(std::uint8_t{}, 1, {});
  check_kind(std::uint8_t{}, 3, microns);
  for (Index width = 1; width <= 12; ++width) {  // some pages end at an odd byte
    const std::vector<Tensor<std::uint8_t, 3>> pages{page<std::uint8_t>(1, width, 1, 0),
                                                     page<std::uint8_t>(1, width, 1, 1)};
    io::write_file(folder / "odd.tif", file_of(pages));
    check_by_reader(folder / "odd.tif", pages, {});
  }
  check_kind(std::uint16_t{}, 1, per_cm);
  check_kind(float{}, 1, microns);
  check_kind(float{}, 1, per_cm);
}

#endif

/// The first python3 that knows tifffile; empty without.
std::string python_with_tifffile() {
  for (const char* python : {"python3", "/usr/bin/python3"})
    if (std::system((std::string(python) + " -c 'import tifffile' >/dev/null 2>&1").c_str()) == 0) return python;
  return {};
}

TEST_CASE("TiffEncoder: python3-tifffile and libtiff's tools read the same values") {
  const TemporaryFolder folder;
  const std::vector<Tensor<std::uint8_t, 3>> masks{page<std::uint8_t>(6, 9, 1, 0), page<std::uint8_t>(6, 9, 1, 1)};
  const std::vector<Tensor<float, 3>> reals{page<float>(6, 9, 1, 0), page<float>(6, 9, 1, 1), page<float>(6, 9, 1, 2)};
  const auto text_of = [](const fs::path& file) { return io::read_file(file); };
  io::write_file(folder / "masks.tif", file_of(masks, {.resolution = microns}));
  io::write_file(folder / "reals.tif", file_of(reals, {.resolution = per_cm}));
  io::write_file(folder / "big.tif", file_of(reals, {.resolution = per_cm, .big = true}));
  const auto path = [&](const char* name) { return (folder / name).string(); };

  if (const std::string python = python_with_tifffile(); python.empty()) {
    WARN("python3-tifffile is not installed: that it reads our files is not tested");
  } else {
    std::ofstream(folder / "read.py") << "import sys, tifffile\n"
                                         "with tifffile.TiffFile(sys.argv[1]) as t:\n"
                                         "    a = t.asarray()\n"
                                         "    open(sys.argv[1] + '.raw', 'wb').write(a.tobytes())\n"
                                         "    x = t.pages[0].tags['XResolution'].value\n"
                                         "    unit = (t.imagej_metadata or {}).get('unit', '')\n"
                                         "    print(a.shape, a.dtype, x[0] / x[1], unit)\n";
    const auto read = [&](const char* name) {
      const std::string command = python + " " + path("read.py") + " " + path(name) + " > " + path("said.txt");
      REQUIRE(std::system(command.c_str()) == 0);
      return text_of(folder / "said.txt");
    };
    CHECK(read("masks.tif") == "(2, 6, 9) uint8 2.5 micron\n");
    CHECK(text_of(folder / "masks.tif.raw") == samples(masks));
    for (const char* name : {"reals.tif", "big.tif"}) {
      CHECK_THAT(read(name), Catch::Matchers::StartsWith("(3, 6, 9) float32 12345.67"));
      CHECK(text_of(folder / (std::string(name) + ".raw")) == samples(reals));
    }
  }

  if (std::system("tiffinfo -h >/dev/null 2>&1; test $? -ne 127") != 0) {
    WARN("libtiff's tools are not installed: that they read our files is not tested");
    return;
  }
  for (const char* name : {"masks.tif", "reals.tif", "big.tif"}) {
    CAPTURE(name);
    CHECK(std::system(("tiffinfo -D " + path(name) + " > " + path("said.txt") + " 2> " + path("err.txt")).c_str()) ==
          0);
    CHECK(text_of(folder / "err.txt").empty());
  }
  CHECK_THAT(text_of(folder / "said.txt"), Contains("12345.7") && Contains("pixels/cm"));
  // Of whole numbers only: tiffcmp is blind to differences of real ones.
  const auto differences = [&](const char* other) {
    const std::string files = path("masks.tif") + " " + path(other);
    CHECK(std::system(("tiffcmp " + files + " > " + path("said.txt") + " 2>&1; test $? -le 1").c_str()) == 0);
    return text_of(folder / "said.txt");
  };
  io::write_file(folder / "big_masks.tif", file_of(masks, {.resolution = microns, .big = true}));
  io::write_file(folder / "turned.tif", file_of<std::uint8_t>({masks[1], masks[0]}, {.resolution = microns}));
  CHECK(differences("big_masks.tif") == "Directory 1:\n");
  CHECK_THAT(differences("turned.tif"), Contains("Scanline 0, pixel 0"));
}

TEST_CASE("TiffEncoder keeps the distance of the pages as ImageJ does, with its unit") {
  const TemporaryFolder folder;
  const std::vector<Tensor<std::uint8_t, 3>> pages{page<std::uint8_t>(6, 9, 1, 0), page<std::uint8_t>(6, 9, 1, 1)};
  io::Resolution r{4, 2, io::Resolution::no_unit, "micron"};
  r.spacing = 0.00725;
  for (const char* unit : {"", "mm"}) {
    r.depth_unit = unit;
    io::write_file(folder / "stack.tif", file_of(pages, {.resolution = r}));
    const auto found = io::ImageFile(folder / "stack.tif").resolution();
    REQUIRE(found.has_value());
    CHECK(*found == r);
    const auto apart = io::page_distance(*found);
    REQUIRE(apart.has_value());
    CHECK(apart->first == Approx(r.depth_unit.empty() ? 0.00725 : 7.25));
    CHECK(apart->second == "um");
  }
  CHECK_THAT(io::read_file(folder / "stack.tif"), Contains("\nunit=micron\nzunit=mm\nspacing=0.00725\nloop=false\n"));
  // A number of images would make ImageJ look for them without gaps between.
  CHECK_THAT(io::read_file(folder / "stack.tif"), !Contains("images="));
  // Without a unit it is kept as the number that it is, and says no length.
  r.imagej_unit = r.depth_unit = "";
  io::write_file(folder / "stack.tif", file_of(pages, {.resolution = r}));
  CHECK(io::ImageFile(folder / "stack.tif").resolution()->spacing == 0.00725);
  CHECK_FALSE(io::page_distance(r).has_value());
  for (const char* none : {"", "x", "-1", "0", "inf", "nan"}) CHECK(io::detail::positive_number(none) == 0);
}

TEST_CASE("TiffEncoder refuses what it cannot write") {
  CHECK_THROWS_AS(io::TiffEncoder({.pages = 0}), ValueError);
  CHECK_THROWS_AS(io::TiffEncoder({.pages = 1, .resolution = io::Resolution{-1, 1}}), ValueError);
  io::TiffEncoder tiff({.pages = 1});
  CHECK_THROWS_AS(tiff.page(page<std::uint8_t>(3, 3, 2, 0)), ShapeError);
  CHECK_FALSE(tiff.page(page<std::uint8_t>(3, 3, 1, 0)).empty());
  CHECK_THROWS_WITH(tiff.page(page<std::uint8_t>(3, 3, 1, 0)), Contains("all 1 pages are written"));
}

TEST_CASE("pixel_area: units of the tags and of ImageJ, and none where there is none") {
  const auto area = [](const io::Resolution& r) { return io::pixel_area(r); };
  CHECK(area(microns)->area == Approx(0.4 * 0.8));
  CHECK(area(microns)->unit == "um2");
  CHECK(area({20000, 10000, io::Resolution::centimetre, {}})->area == Approx(0.5));
  CHECK(area({25400, 25400, io::Resolution::inch, {}})->area == Approx(1));
  CHECK(area({2, 2, io::Resolution::no_unit, "nm"})->area == Approx(0.25e-6));
  CHECK(area({2, 2, io::Resolution::no_unit, "rod"})->unit == "rod2");
  CHECK_FALSE(area({72, 72, io::Resolution::inch, {}}));
  CHECK_FALSE(area({3, 3, io::Resolution::no_unit, {}}));
  CHECK_FALSE(area({3, 3, io::Resolution::no_unit, "pixel"}));
}

TEST_CASE("a distance or an area that no double holds, or that rounds to 0, is not said") {
  io::Resolution r{.x = 2, .y = 2, .unit = io::Resolution::no_unit, .imagej_unit = "m", .spacing = 1e308};
  CHECK_FALSE(io::page_distance(r));
  r.spacing = 5e-324;
  CHECK(io::page_distance(r)->first > 0);
  r.imagej_unit = "pm";
  CHECK_FALSE(io::page_distance(r));
  for (const char* unit : {"m", "rod"})
    for (const double pixels : {1e-300, 1e300}) {
      INFO(unit << " " << pixels);
      CHECK_FALSE(io::pixel_area({pixels, pixels, io::Resolution::no_unit, unit}));
    }
  CHECK_FALSE(io::pixel_area({1e-300, 1e-300, io::Resolution::centimetre, {}}));
  CHECK(io::pixel_area({1e-300, 1e300, io::Resolution::no_unit, "rod"})->area == Approx(1));
}

TEST_CASE("encode_png of 16 bits is what the reader finds") {
  const auto picture = page<std::uint16_t>(9, 14, 1, 3).cast<std::uint16_t>();
  const io::DecodedImage read = io::decode_page(io::encode_png(picture), "memory");
  CHECK(read.bits == 16);
  REQUIRE(read.shape() == picture.shape());
  CHECK(std::equal(picture.data(), picture.data() + picture.numel(), read.integers.pixels.data()));
}

}  // namespace tiff_encoder_test
