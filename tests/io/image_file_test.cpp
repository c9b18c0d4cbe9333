#include "paser/io/image_file.hpp"

#include <catch2/catch.hpp>

#include "paser/core/random.hpp"
#include "support/samples.hpp"
#include "support/temporary_folder.hpp"
#include "support/tiny_images.hpp"

using namespace paser;
using Catch::Matchers::Contains;

namespace {

/// Random samples of so many bits.
std::vector<int> noise(Index count, int bits) {
  std::vector<int> values;
  for (Index i = 0; i < count; ++i)
    values.push_back(static_cast<int>(Key{5}.uniform_int(static_cast<std::uint64_t>(i), Index{1} << bits)));
  return values;
}

[[maybe_unused]] std::string floats(const std::vector<float>& values, bool big) {
  std::string bytes;
  for (const float v : values) {
    std::uint32_t word = 0;
    std::memcpy(&word, &v, 4);
    bytes += tiny::number(word, 4, big);
  }
  return bytes;
}

[[maybe_unused]] std::string words(const std::vector<int>& values, bool big) {
  std::string bytes;
  for (const int v : values) bytes += tiny::number(static_cast<std::uint64_t>(v), 2, big);
  return bytes;
}

}  // namespace

TEST_CASE("png samples: palette numbers and few bits are given as stored, under every filter, interlaced too") {
  for (const int bits : {1, 2, 4, 8})
    for (const bool interlaced : {false, true})
      for (const Index width : {1, 3, 13}) {
        INFO(bits << " bits, interlaced " << interlaced << ", width " << width);
        const auto values = noise(width * 11, bits);
        std::vector<io::Colour> palette;
        for (int i = 0; i < 1 << bits; ++i)
          palette.push_back({static_cast<std::uint8_t>(3 * i), static_cast<std::uint8_t>(255 - i), 7});
        const std::string coloured = tiny::png(values, width, bits, palette, interlaced);
        const io::DecodedImage page = io::decode_page(coloured, "p.png");
        CHECK(samples(page.integers) == values);
        CHECK(page.kind() == message(bits, "-bit palette"));
        CHECK(page.palette == palette);
        CHECK(samples(io::look_up(page)) == samples(io::decode_image(coloured, "p.png")));
        const std::string gray = tiny::png(values, width, bits, {}, interlaced);
        CHECK(samples(io::decode_page(gray, "g.png").integers) == values);
        const auto unit = io::to_unit(io::decode_page(gray, "g.png"), {}, "g.png");
        CHECK(max_abs_difference(unit, io::to_unit(io::decode_image(gray, "g.png"))) == 0);
      }
}

TEST_CASE("png samples: damage is named") {
  const std::string good = tiny::png({0, 1, 2, 3}, 2, 8, {{0, 0, 0}, {1, 1, 1}, {2, 2, 2}, {3, 3, 3}});
  CHECK_NOTHROW(io::decode_page(good, "x.png"));
  for (std::size_t length = 8; length < good.size(); ++length)
    CHECK_THROWS_WITH(io::decode_page(good.substr(0, length), "x.png"), Contains("x.png") && Contains("cut off"));
  CHECK_THROWS_WITH(io::decode_page(tiny::png({0, 1, 2, 3}, 2, 8, {{0, 0, 0}}), "x.png"),
                    Contains("pixel 1 has colour 1 of a palette of 1"));
  std::string taller = good;
  taller[23] = 3;
  const std::string crc = tiny::number(io::Crc32().add(std::string_view(taller).substr(12, 17)).value(), 4);
  taller.replace(29, 4, crc);
  CHECK_THROWS_WITH(io::decode_page(taller, "x.png"), Contains("do not unpack to the 9 bytes"));
}

TEST_CASE("page: a value range maps stored values and clips, real numbers outside 0 .. 1 need one") {
  io::DecodedImage twelve;
  twelve.integers = {Tensor<std::uint16_t, 3>::from({1, 3, 1}, std::vector<std::uint16_t>{0, 4095, 65535}), 65535};
  twelve.bits = 16;
  const auto scaled = io::to_unit(twelve, io::ValueRange{0, 4095}, "a");
  CHECK(std::vector<float>(scaled.values().begin(), scaled.values().end()) == std::vector<float>{0, 1, 1});
  CHECK(io::to_unit(twelve, {}, "a")(0, 0, 1, 0) == Approx(4095.0 / 65535));
  io::DecodedImage real;
  real.reals = Tensor<float, 3>::from({1, 3, 1}, std::vector<float>{-1, 1, 4});
  CHECK_THROWS_WITH(io::to_unit(real, {}, "scan.tif"), Contains("scan.tif: the values run from -1 to 4"));
  const auto units = io::to_unit(real, io::ValueRange{-1, 3}, "scan.tif");
  CHECK(std::vector<float>(units.values().begin(), units.values().end()) == std::vector<float>{0, 0.5f, 1});
  for (const auto& flat : {io::ValueRange{2, 2}, {1, 1 + 1e-11}, {1e-46, 2e-46}})
    CHECK_THROWS_WITH(io::to_unit(real, flat, "scan.tif"), Contains("must rise"));
  real.reals = Tensor<float, 3>::full({1, 1, 1}, std::numeric_limits<float>::quiet_NaN());
  CHECK_THROWS_WITH(io::to_unit(real, io::ValueRange{0, 1}, "scan.tif"), Contains("finite"));
}

#ifdef PASER_WITH_TIFF

TEST_CASE("tiff: 8 and 16 bits and floats of either byte order, pages, and what cannot be read") {
  const TemporaryFolder folder;
  for (const bool big : {false, true}) {
    INFO("big-endian " << big);
    tiny::write(folder / "a.tif", tiny::tiff({{2, 2, 16, 1, 1, 1, words({0, 256, 32768, 65535}, big)},
                                              {3, 1, 8, 1, 1, 0, "\x01\x02\xff"},
                                              {1, 1, 8, 1, 4, 2, "\x0a\x14\x1e\x63"},
                                              {2, 1, 32, 3, 1, 1, floats({0.25f, -3}, big)},
                                              {2, 1, 16, 2, 1, 1, words({-5, 7}, big)}},
                                             big));
    io::ImageFile file(folder / "a.tif");
    REQUIRE(file.pages() == 5);
    const io::DecodedImage deep = file.page(0);
    CHECK(samples(deep.integers) == std::vector<int>{0, 256, 32768, 65535});
    CHECK(deep.kind() == "16-bit gray");
    const auto unit = io::to_unit(deep, {}, "a.tif");
    CHECK(unit(0, 0, 1, 0) == Approx(0.0039063).margin(1e-7));
    CHECK(unit(0, 1, 0, 0) == Approx(0.5000076).margin(1e-7));
    CHECK(unit(0, 1, 1, 0) == 1.0f);
    CHECK(samples(file.page(1).integers) == std::vector<int>{254, 253, 0});
    CHECK(samples(file.page(2).integers) == std::vector<int>{10, 20, 30});
    const io::DecodedImage real = file.page(3);
    CHECK(real.kind() == "32-bit real gray");
    CHECK(real.reals(0, 1, 0) == -3);
    CHECK(file.page(4).reals(0, 0, 0) == -5);
    CHECK(samples(file.page(0).integers)[1] == 256);
    CHECK_THROWS_WITH(file.page(5), Contains("has 5 pages"));
  }
}

TEST_CASE("tiff: gray and RGB, with and without alpha, of 8 and 16 bits and either byte order") {
  const TemporaryFolder folder;
  const auto all = noise(6 * 4, 16);
  for (const bool big : {false, true})
    for (const int bits : {8, 16})
      for (const int channels : {1, 2, 3, 4}) {
        INFO("big-endian " << big << ", " << bits << " bits, " << channels << " samples per pixel");
        std::string bytes;
        std::vector<int> kept;
        for (int i = 0; i < 6 * channels; ++i) {
          const int value = all[static_cast<std::size_t>(i)] >> (16 - bits);
          bytes += tiny::number(static_cast<std::uint64_t>(value), bits / 8, big);
          if (i % channels < (channels < 3 ? 1 : 3)) kept.push_back(value);
        }
        const int photometric = channels < 3 ? 1 : 2;
        tiny::TiffPage stored{3, 2, bits, 1, channels, photometric, bytes};
        if (channels % 2 == 0) stored.extra = {EXTRASAMPLE_UNASSALPHA};
        tiny::write(folder / "m.tif", tiny::tiff({stored}, big));
        const io::DecodedImage page = io::ImageFile(folder / "m.tif").page(0);
        CHECK(samples(page.integers) == kept);
        CHECK(page.integers.maximum == (bits == 8 ? 255u : 65535u));
      }
}

TEST_CASE("tiff: tiles, compression, planes, palettes and few bits as libtiff writes them") {
  const TemporaryFolder folder;
  const std::string path = (folder / "t.tif").string();
  const auto values = noise(40 * 33 * 3, 8);
  for (const bool tiled : {false, true})
    for (const bool apart : {false, true}) {
      INFO("tiled " << tiled << ", planes apart " << apart);
      TIFF* out = TIFFOpen(path.c_str(), "w");
      TIFFSetField(out, TIFFTAG_IMAGEWIDTH, 40);
      TIFFSetField(out, TIFFTAG_IMAGELENGTH, 33);
      TIFFSetField(out, TIFFTAG_BITSPERSAMPLE, 8);
      TIFFSetField(out, TIFFTAG_SAMPLESPERPIXEL, 3);
      TIFFSetField(out, TIFFTAG_PHOTOMETRIC, PHOTOMETRIC_RGB);
      TIFFSetField(out, TIFFTAG_COMPRESSION, COMPRESSION_LZW);
      TIFFSetField(out, TIFFTAG_PLANARCONFIG, apart ? PLANARCONFIG_SEPARATE : PLANARCONFIG_CONTIG);
      if (tiled) {
        TIFFSetField(out, TIFFTAG_TILEWIDTH, 16);
        TIFFSetField(out, TIFFTAG_TILELENGTH, 32);
      }
      const auto at = [&](Index y, Index x, Index c) {
        return static_cast<unsigned char>(y < 33 && x < 40 ? values[static_cast<std::size_t>((y * 40 + x) * 3 + c)]
                                                           : 0);
      };
      const Index width = tiled ? 16 : 40, height = tiled ? 32 : 1, channels = apart ? 1 : 3;
      for (Index c = 0; c < (apart ? 3 : 1); ++c)
        for (Index y = 0; y < 33; y += height)
          for (Index x = 0; x < 40; x += width) {
            std::vector<unsigned char> block;
            for (Index i = 0; i < height; ++i)
              for (Index j = 0; j < width; ++j)
                for (Index s = 0; s < channels; ++s) block.push_back(at(y + i, x + j, apart ? c : s));
            const auto plane = static_cast<std::uint16_t>(c);
            if (tiled)
              TIFFWriteTile(out, block.data(), static_cast<std::uint32_t>(x), static_cast<std::uint32_t>(y), 0, plane);
            else
              TIFFWriteScanline(out, block.data(), static_cast<std::uint32_t>(y), plane);
          }
      TIFFClose(out);
      CHECK(samples(io::ImageFile(path).page(0).integers) == values);
    }

  TIFF* out = TIFFOpen(path.c_str(), "w");
  TIFFSetField(out, TIFFTAG_IMAGEWIDTH, 3);
  TIFFSetField(out, TIFFTAG_IMAGELENGTH, 1);
  TIFFSetField(out, TIFFTAG_BITSPERSAMPLE, 4);
  TIFFSetField(out, TIFFTAG_SAMPLESPERPIXEL, 1);
  TIFFSetField(out, TIFFTAG_PHOTOMETRIC, PHOTOMETRIC_PALETTE);
  std::vector<std::uint16_t> red(16, 0), green(16, 0x1400), blue(16, 0xffff);
  red[2] = 0xc800;
  TIFFSetField(out, TIFFTAG_COLORMAP, red.data(), green.data(), blue.data());
  unsigned char row[] = {0x21, 0xf0};
  TIFFWriteScanline(out, row, 0, 0);
  TIFFClose(out);
  const io::DecodedImage page = io::ImageFile(path).page(0);
  CHECK(samples(page.integers) == std::vector<int>{2, 1, 15});
  CHECK(page.kind() == "4-bit palette");
  CHECK(page.palette.at(2) == io::Colour{200, 20, 255});
}

TEST_CASE("tiff: broken files are refused by name, and none crashes") {
  const TemporaryFolder folder;
  const std::string good = tiny::tiff({{3, 2, 16, 1, 1, 1, words({1, 2, 3, 4, 5, 6}, false)}}, false);
  for (std::size_t length = 4; length < good.size(); ++length) {
    INFO(length << " of " << good.size() << " bytes");
    tiny::write(folder / "cut.tif", good.substr(0, length));
    CHECK_THROWS_WITH(io::ImageFile(folder / "cut.tif").page(0), Contains("cut.tif"));
  }
  for (std::size_t place = 8; place < good.size(); ++place) {
    std::string damaged = good;
    damaged[place] = static_cast<char>(damaged[place] ^ 0x55);
    tiny::write(folder / "damaged.tif", damaged);
    try {
      io::ImageFile file(folder / "damaged.tif");
      for (Index k = 0; k < file.pages(); ++k) (void)file.page(k);
    } catch (const Error& error) {
      CHECK_THAT(error.what(), Contains("damaged.tif"));
    }
  }
  tiny::write(folder / "half.tif", tiny::tiff({{1, 1, 16, 3, 1, 1, "ab"}}, false));
  CHECK_THROWS_WITH(io::ImageFile(folder / "half.tif").page(0), Contains("samples of 16 bits of format 3"));
  tiny::write(folder / "ink.tif", tiny::tiff({{1, 1, 8, 1, 4, 5, "abcd"}}, false));
  CHECK_THROWS_WITH(io::ImageFile(folder / "ink.tif").page(0), Contains("expected gray, palette or RGB"));
}

#else

TEST_CASE("tiff: without libtiff the sentence says what to install") {
  const TemporaryFolder folder;
  tiny::write(folder / "a.tif", tiny::tiff({{1, 1, 8, 1, 1, 1, "a"}}, true));
  CHECK_THROWS_WITH(io::ImageFile(folder / "a.tif"), Contains("libtiff-dev") && Contains("paser::tiff"));
}

#endif
