#include <ctime>
#include <fstream>

#include "io/tiff_pages.hpp"

#ifdef PASER_WITH_TIFF

namespace tiff_stack_test {

using namespace tiff_pages;

TEST_CASE("N06: the pages of an ImageJ stack with one directory are read, of either byte order and any depth") {
  const Files file;
  const std::string text = "ImageJ=1.53t\nimages=3\nslices=3\nloop=false\n";
  for (const bool big : {false, true}) {
    io::ImageFile stack(file(tiny::tiff({page_of(3, 2, 10, text, 3)}, big)));
    REQUIRE(stack.pages() == 3);
    for (int k = 0; k < 3; ++k) CHECK(samples(stack.page(k).integers) == counted(10 + 6 * k, 6));
    CHECK_THROWS_WITH(stack.page(3), Contains("has 3 pages"));

    std::string deep, reals;
    for (const int v : {1, 300, 65535, 7}) deep += tiny::number(static_cast<std::uint64_t>(v), 2, big);
    io::ImageFile words(file(tiny::tiff({{2, 1, 16, 1, 1, 1, deep, "ImageJ=1.53t\nimages=2\n"}}, big)));
    REQUIRE(words.pages() == 2);
    CHECK(samples(words.page(1).integers) == std::vector<int>{65535, 7});
    CHECK(samples(words.page(0).integers) == std::vector<int>{1, 300});
    for (const float v : {0.5f, -2.0f}) {
      std::uint32_t word = 0;
      std::memcpy(&word, &v, 4);
      reals += tiny::number(word, 4, big);
    }
    io::ImageFile real(file(tiny::tiff({{1, 1, 32, 3, 1, 1, reals, "ImageJ=1.53t\nimages=2\n"}}, big)));
    REQUIRE(real.pages() == 2);
    CHECK(real.page(1).reals(0, 0, 0) == -2.0f);
    io::ImageFile colour(file(tiny::tiff({{1, 2, 8, 1, 3, 2, "abcdefghijkl", "ImageJ=1.53t\nimages=2\n"}}, big)));
    CHECK(samples(colour.page(1).integers) == std::vector<int>{'g', 'h', 'i', 'j', 'k', 'l'});
  }
}

TEST_CASE("N06: the pages of a shaped file of tifffile with one directory are read") {
  const Files file;
  for (const std::string text : {"{\"shape\": [2, 3, 2, 3], \"truncated\": true}", "shape=(2, 3, 2, 3)"}) {
    io::ImageFile stack(file(tiny::tiff({page_of(3, 2, 1, text, 6)}, false)));
    REQUIRE(stack.pages() == 6);
    CHECK(samples(stack.page(5).integers) == counted(31, 6));
  }
  io::ImageFile one(file(tiny::tiff({page_of(3, 2, 1, "{\"shape\": [2, 3]}")}, false)));
  CHECK(one.pages() == 1);
}

TEST_CASE("N06: more images claimed than there are is an error with both numbers") {
  const Files file;
  const auto refused = [&](const std::vector<tiny::TiffPage>& pages, const std::string& why) {
    CHECK_THROWS_AS(io::ImageFile(file(tiny::tiff(pages, true))), FormatError);
    CHECK_THROWS_WITH(io::ImageFile(file(tiny::tiff(pages, true))), Contains("stack.tif") && Contains(why));
  };
  refused({page_of(3, 2, 1, "ImageJ=1.53t\nimages=4\n", 3)},
          "claims 4 images (in the description by ImageJ), and holds 1");
  refused({page_of(3, 2, 1, "ImageJ=1.53t\nimages=3\n"), page_of(3, 2, 1)}, "claims 3 images");
  // What lies behind the pixels is the directory, and what belongs to it.
  for (const std::string text : {"ImageJ=1.53t\nimages=2\n", "{\"shape\": [2, 2, 3]}"}) {
    tiny::TiffPage page = page_of(3, 2, 1, text);
    page.data_first = true;
    refused({page}, "claims 2 images");
    page.data = page_of(3, 2, 1, "", 2).data;
    CHECK(io::ImageFile(file(tiny::tiff({page}, false))).pages() == 2);
  }
  refused({page_of(3, 2, 1, "ImageJ=1.53t\nimages=999999999999\n")}, "claims 999999999999 images");
  refused({page_of(3, 2, 1, "{\"shape\": [3, 2, 3]}")}, "claims 3 images (in the description by tifffile)");
  const std::string ome =
      "<?xml version=\"1.0\"?><OME xmlns=\"http://www.openmicroscopy.org\"><Image><Pixels SizeX=\"3\" SizeY=\"2\" ";
  const std::string planes = "SizeZ=\"2\" SizeC=\"1\" SizeT=\"2\"><Channel SamplesPerPixel=\"1\"/>";
  refused({page_of(3, 2, 1, ome + planes + "<TiffData/></Pixels></Image></OME>")},
          "claims 4 images (in the description by OME)");
  const std::string parts =
      "<TiffData><UUID FileName=\"a.ome.tif\">u</UUID></TiffData><TiffData><UUID "
      "FileName=\"b.ome.tif\">v</UUID></TiffData>";
  refused({page_of(3, 2, 1, ome + planes + parts + "</Pixels></Image></OME>")},
          "is one file of several of an OME data set, another is 'b.ome.tif'");
  // One file that names itself, of as many planes as it has pages; colour counts its samples as channels.
  const std::string itself =
      "SizeZ=\"1\" SizeC=\"3\" SizeT=\"1\"><Channel SamplesPerPixel=\"3\"/><TiffData><UUID "
      "FileName=\"a.ome.tif\">u</UUID></TiffData>";
  CHECK(io::ImageFile(file(tiny::tiff({page_of(3, 2, 1, ome + itself + "</Pixels></Image></OME>")}, true))).pages() ==
        1);
  CHECK(
      io::ImageFile(file(tiny::tiff({page_of(3, 2, 1, "ImageJ=1.53t\nimages=2\n"), page_of(3, 2, 1)}, true))).pages() ==
      2);
  CHECK(io::ImageFile(file(tiny::tiff({page_of(3, 2, 1, "an image of mine, images=7")}, true))).pages() == 1);
}

TEST_CASE("TIFF: a number of images that cannot be one is refused, whoever describes the stack") {
  const Files file;
  const auto refused = [&](const std::string& text, const std::string& said) {
    CAPTURE(text);
    const io::Path path = file(tiny::tiff({page_of(3, 2, 1, text, 3)}, true));
    CHECK_THROWS_AS(io::ImageFile(path), FormatError);
    CHECK_THROWS_WITH(io::ImageFile(path), Contains("stack.tif: its description by ") && Contains("says '" + said));
  };
  const std::string imagej = "ImageJ=1.53t\n";
  for (const std::string number : {"99999999999999", "-3", "0", "3x", "2.5", "1e9", "", "none"})
    refused(imagej + "images=" + number + "\nslices=3\n", "images=" + number + "', expected a number of images");
  refused(imagej + "images=99999999999999999999", "images=99999999999999999999'");
  refused("{\"shape\": [9999999999999, 2, 3]}", "shape\": [9999999999999, 2, 3]'");
  refused("shape=(1099511627776, 1099511627776, 1099511627776)", "shape=(1099511627776");
  refused("shape=(-3, 2, 3)", "shape=(-3, 2, 3)'");
  refused("shape=(0, 2, 3)", "shape=(0, 2, 3)'");
  const auto ome = [](const std::string& sizes) {
    return "<OME xmlns=\"x\"><Image><Pixels " + sizes + "/></Image></OME>";
  };
  refused(ome("SizeZ=\"99999999\" SizeC=\"1\" SizeT=\"1\""), "SizeZ=");
  refused(ome("SizeZ=\"1\" SizeC=\"1\" SizeT=\"-2\""), "SizeT=");
  refused(ome("SizeZ=\"1\" SizeC=\"0\" SizeT=\"2\""), "SizeC=");

  const auto pages = [&](const std::string& text) {
    return io::ImageFile(file(tiny::tiff({page_of(3, 2, 1, text, 3)}, true))).pages();
  };
  CHECK(pages(imagej + "images= 3 \r\nslices=3\n") == 3);
  CHECK(pages(imagej + "images=3") == 3);
  CHECK(pages(imagej + "unit=micron\n") == 1);
  CHECK(pages("shape=round (5 mm)") == 1);  // not tifffile's
  CHECK(pages("shape=()") == 1);
  // The size of a pixel is no number of planes, though its name ends as theirs.
  CHECK(pages(ome("PhysicalSizeZ=\"0.5\" SizeC=\"1\" SizeT=\"1\" SizeZ=\"1\"")) == 1);
  CHECK_THROWS_WITH(pages(ome("PhysicalSizeZ=\"0.5\" SizeC=\"1\" SizeT=\"1\" SizeZ=\"2\"")),
                    Contains("claims 2 images"));
}

TEST_CASE(
    "TIFF: a description of twenty times as many OME images takes twenty times as long, though none of them ends") {
  const auto seconds = [](int images) {
    std::string text = "<OME ";
    for (int i = 0; i < images; ++i) text += "<Pixels";
    std::clock_t least = std::numeric_limits<std::clock_t>::max();
    for (int again = 0; again < 3; ++again) {
      const std::clock_t begin = std::clock();
      CHECK(io::detail::ome_claim(text).pages == 0);
      least = std::min(least, std::clock() - begin);
    }
    return static_cast<double>(least);
  };
  const double few = seconds(2000), many = seconds(40000);
  CAPTURE(few, many);
  CHECK(many < 60 * few + 10000);
  CHECK(io::detail::ome_claim("<OME <Pixels <Pixels SizeZ=\"2\" SizeC=\"1\" SizeT=\"3\"").pages == 6);
}

/// How often this process has read from files; 0 where the system does not tell.
Index reads_so_far() {
  std::ifstream counts("/proc/self/io");
  std::string name;
  Index value = 0;
  while (counts >> name >> value)
    if (name == "syscr:") return value;
  return 0;
}

TEST_CASE("TIFF: the rows of a stack's pages are read a megabyte at a time, however narrow they are") {
  const Files file;
  constexpr Index width = 12, height = 60000;
  std::string data;
  for (Index i = 0; i < 2 * width * height; ++i) data += tiny::number(static_cast<std::uint64_t>(i % 65521), 2, true);
  io::ImageFile stack(file(tiny::tiff({{width, height, 16, 1, 1, 1, data, "ImageJ=1.53t\nimages=2\n"}}, true)));
  REQUIRE(stack.pages() == 2);
  const Index before = reads_so_far();
  const io::DecodedImage page = stack.page(1);
  CHECK(reads_so_far() - before < 100);
  Index different = 0;
  for (Index i = 0; i < width * height; ++i)
    different += page.integers.pixels.data()[i] != (width * height + i) % 65521;
  CHECK(different == 0);
}

TEST_CASE("TIFF: the last pages of a file of thousands are read as fast as the first") {
  const Files file;
  constexpr Index pages = 10000, some = 200;
  io::ImageFile image(file(on_one_strip(4, pages)));
  REQUIRE(image.pages() == pages);
  const auto seconds = [&](Index from) {
    std::clock_t least = std::numeric_limits<std::clock_t>::max();
    for (int again = 0; again < 3; ++again) {
      const std::clock_t begin = std::clock();
      for (Index k = from; k < from + some; ++k) (void)image.page(k);
      least = std::min(least, std::clock() - begin);
    }
    return static_cast<double>(least);
  };
  const double first = seconds(1), last = seconds(pages - some);
  CAPTURE(first, last);
  CHECK(last < 5 * first + 1000);
}

TEST_CASE("N06: reduced copies marked by the old tag 255 are no pages") {
  const Files file;
  tiny::TiffPage full = page_of(3, 2, 1), reduced = page_of(1, 1, 9), part = page_of(3, 2, 20);
  full.old_kind = 1;
  reduced.old_kind = 2;
  part.old_kind = 3;
  io::ImageFile image(file(tiny::tiff({full, reduced, part}, false)));
  REQUIRE(image.pages() == 2);
  CHECK(samples(image.page(1).integers) == counted(20, 6));
}

}  // namespace tiff_stack_test

#endif
