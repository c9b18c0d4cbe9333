#include "paser/io/image.hpp"

#include <catch2/catch.hpp>

#include "paser/core/random.hpp"
#include "paser/io/safetensors.hpp"
#include "support/samples.hpp"
#include "support/temporary_folder.hpp"

using namespace paser;
using Catch::Matchers::Contains;

namespace {

io::Path stored(const std::string& name) {
  return io::Path(PASER_TEST_DATA "/io/images") / name;
}

}  // namespace

TEST_CASE("image: 16-bit samples are kept, and scaled by their own maximum") {
  const auto gray = io::read_image(stored("gray16.png"));
  CHECK(gray.maximum == 65535);
  CHECK(samples(gray) == std::vector<int>{0, 256, 32768, 65535});
  const auto unit = io::to_unit(gray);
  CHECK(unit.shape() == Shape{1, 2, 2, 1});
  CHECK(unit(0, 0, 1, 0) == Approx(256.0 / 65535));
  CHECK(unit(0, 1, 1, 0) == 1.0f);
  const auto rgb = io::read_image(stored("rgba16.png"));
  CHECK(rgb.channels() == 3);
  CHECK(samples(rgb) == std::vector<int>{0, 256, 32768, 65535, 65534, 12345});
  CHECK(samples(io::to_gray(rgb))[0] == ((38470ll * 256 + 7471ll * 32768 + 32768) >> 16));
}

TEST_CASE("image: alpha is dropped, palettes are looked up, gray and RGB convert by one rule") {
  CHECK(samples(io::read_image(stored("gray_alpha.png"))) == std::vector<int>{100, 7});
  const auto rgba = io::read_image(stored("rgba.png"));
  CHECK(samples(rgba) == std::vector<int>{10, 20, 30, 255, 0, 1});
  CHECK(samples(io::to_gray(rgba))[0] == 18);
  CHECK(samples(io::to_rgb(io::read_image(stored("gray_alpha.png")))) == std::vector<int>{100, 100, 100, 7, 7, 7});
  const auto palette = io::read_image(stored("palette.png"));
  CHECK(samples(io::to_gray(palette)) == std::vector<int>{0, 255, 18, 18, 255, 0});
  CHECK(samples(io::read_image(stored("rgb.bmp"))) ==
        std::vector<int>{10, 20, 30, 40, 50, 60, 1, 2, 3, 250, 251, 252, 0, 0, 0, 255, 255, 255});
}

TEST_CASE("image: JPEG, with inks too") {
  const auto inks = io::read_image(stored("cmyk.jpg"));
  REQUIRE(inks.channels() == 3);
  CHECK(inks.pixels(4, 4, 0) >= 252);
  CHECK(inks.pixels(4, 4, 1) <= 3);
  CHECK(inks.pixels(4, 4, 2) <= 3);
  const auto ramp = io::read_image(stored("ramp.jpg"));
  REQUIRE(ramp.pixels.shape() == Shape{16, 24, 3});
  for (Index y = 0; y < 16; ++y)
    for (Index x = 0; x < 24; ++x) {
      CHECK(std::abs(ramp.pixels(y, x, 0) - (8 * x + 20)) <= 8);
      CHECK(std::abs(ramp.pixels(y, x, 1) - (10 * y + 30)) <= 8);
    }
}

TEST_CASE("image: the battery's decoding as PyTorch and Pillow did it") {
  const auto f = io::read_safetensors(PASER_TEST_DATA "/fixtures/method_state.safetensors");
  for (const std::string name : {"png_grey", "png_rgb", "png_palette"}) {
    INFO(name);
    const auto bytes = f.at(name + "/png_bytes").cast<std::uint8_t, 1>();
    const std::string png(bytes.values().begin(), bytes.values().end());
    const auto gray = io::to_gray(io::decode_image(png, name));
    const auto expected = f.at(name + "/grey").as<std::int64_t, 2>();
    REQUIRE(gray.pixels.numel() == expected.numel());
    CHECK(gray.height() == expected.shape()[0]);
    CHECK(std::ranges::equal(gray.pixels.values(), expected.values()));
    const auto image = f.at(name + "/image").as<float, 3>();
    CHECK(max_abs_difference(io::to_unit(gray).reshape(image.shape()), image) <= 1e-7);
  }
}

TEST_CASE("image: what is written is read back") {
  const TemporaryFolder folder;
  Tensor<std::uint8_t, 3> picture = uniform<float>(Key{1}, Shape{5, 7, 3}, 0, 256).cast<std::uint8_t>();
  io::write_png(folder / "rgb.png", picture);
  CHECK(std::ranges::equal(io::read_image(folder / "rgb.png").pixels.values(), picture.values()));
  CHECK_THROWS_AS(io::write_png(folder / "rgb.png", Tensor<std::uint8_t, 3>::zeros({5, 7, 3}), io::Existing::keep),
                  IoError);
  CHECK(std::ranges::equal(io::read_image(folder / "rgb.png").pixels.values(), picture.values()));
  const auto gray = picture.reshape(Shape{1, 15, 7, 1});
  CHECK(std::ranges::equal(io::decode_image(io::encode_png(gray), "memory").pixels.values(), gray.values()));
  Labels labels = Labels::zeros({2, 3, 2});
  std::iota(labels.mutable_data(), labels.mutable_data() + 12, 0);
  CHECK(samples(io::decode_image(io::encode_png(labels, 1), "mask")) == std::vector<int>{6, 7, 8, 9, 10, 11});
  CHECK_THROWS_WITH(io::encode_png(labels, 2), Contains("there is no image 2"));
  CHECK_THROWS_WITH(io::encode_png(Labels::full({1, 1, 1}, 256)), Contains("label 256"));
  CHECK_THROWS_WITH(io::encode_png(Tensor<std::uint8_t, 3>::zeros({2, 2, 2})), Contains("1 or 3 channels"));
  CHECK_THROWS_AS(io::encode_png(Tensor<std::uint8_t, 4>::zeros({2, 2, 2, 1})), ShapeError);
  CHECK_THROWS_AS(io::encode_png(Tensor<std::uint8_t, 3>::zeros({0, 2, 1})), ShapeError);
}

TEST_CASE("image: broken files are refused by name and reason") {
  const TemporaryFolder folder;
  const auto refused = [&](const std::string& name, const std::string& content, const std::string& why) {
    std::ofstream(folder / name, std::ios::binary) << content;
    CHECK_THROWS_WITH(io::read_image(folder / name), Contains(name) && Contains(why));
    CHECK_THROWS_AS(io::read_image(folder / name), FormatError);
  };
  const std::string png = io::read_file(stored("rgba.png")), jpeg = io::read_file(stored("ramp.jpg"));
  refused("empty.png", "", "is empty");
  refused("text.png", "hello, I am a text", "is not a PNG");
  refused("animated.png", io::read_file(stored("three_frames.gif")), "is not a PNG");
  for (std::size_t length = 8; length < png.size(); ++length) refused("half.png", png.substr(0, length), "cut off");
  refused("half.jpg", jpeg.substr(0, jpeg.size() / 2), "cut off");
  std::string table = jpeg;
  const auto huffman = table.find("\xFF\xC4");
  REQUIRE(huffman != std::string::npos);
  table[huffman + 6] = '\xff';
  refused("table.jpg", table, "a Huffman table is malformed");
  std::string bitmap = io::read_file(stored("rgb.bmp"));
  bitmap[14] = 41;
  refused("header.bmp", bitmap, "is not a PNG");
  std::string flipped = png;
  flipped[png.size() / 2] ^= 1;
  refused("flipped.png", flipped, "damaged");
  refused("end.png", png.substr(0, 8) + png.substr(png.size() - 12), "has no header");
  std::filesystem::create_directory(folder / "folder.png");
  CHECK_THROWS_WITH(io::read_image(folder / "folder.png"), Contains("folder.png") && Contains("not a regular file"));
  CHECK_THROWS_AS(io::read_image(folder / "none.png"), IoError);

  // 65535 x 65535 pixels claimed by a file of 70 bytes.
  std::string huge = png;
  huge[18] = huge[19] = huge[22] = huge[23] = '\xff';
  const std::uint32_t crc = io::Crc32().add(std::string_view(huge).substr(12, 17)).value();
  for (std::size_t i = 0; i < 4; ++i) huge[29 + i] = static_cast<char>(crc >> (24 - 8 * i));
  refused("huge.png", huge, "claims 65535 x 65535 pixels");
}

TEST_CASE("image: PNM with any maximum and comments") {
  using namespace std::string_literals;
  const auto eight = io::decode_image("P5 # a comment\n2 #\n1\n15\n\x00\x0f"s, "a.pgm");
  CHECK(eight.maximum == 15);
  CHECK(io::to_unit(eight)(0, 0, 1, 0) == 1.0f);
  const auto deep = io::decode_image("P6\n1 1\n65535\n\x01\x00\x00\x02\xff\xff"s, "a.ppm");
  CHECK(samples(deep) == std::vector<int>{256, 2, 65535});
  const auto refused = [](const std::string& bytes, const std::string& why) {
    CHECK_THROWS_WITH(io::decode_image(bytes, "bad.pgm"), Contains("bad.pgm") && Contains(why));
  };
  refused("P5\n2 2\n255\nabc", "needs 1 bytes for each, the file has 3");
  refused("P5\n999999999 999999999\n65535\nabc", "more than the limit of 268435456");
  refused("P6\n16384 16384\n65535\nabc", "the file has 3");
  refused("P5\n2 2\n70000\nabcd", "maximum 70000");
  refused("P5\n0 2\n255\n", "0 x 2 pixels");
  refused("P5\n-2 2\n255\nabcd", "malformed");
  refused("P5\n2", "malformed");
  refused("P5#", "malformed");
  refused("P5\n1 1\n15\n\x10", "over the maximum");
  const std::string one = "P5\n2 2\n255\nabcd", other = "P5 1 1 255 x";
  for (const std::string behind : {"", "\n", "\r\n", " "})
    CHECK(samples(io::decode_image(one + behind, "a.pgm")) == std::vector<int>{'a', 'b', 'c', 'd'});
  for (const std::string gap : {"", "\n"}) refused(one + gap + other, "holds a further image behind the first");
  refused(one + "P1 1 1 0", "holds a further image");
  refused(one + "efgh", "has 4 bytes behind its pixels, expected its end");
  refused(one + "\n\n\n", "has 3 bytes behind its pixels");  // as pixels they would be dark
  refused(one + "P5", "has 2 bytes behind its pixels");
  refused("P6\n1 1\n65535\n\0\1\0\2\0\3\0\4"s, "has 2 bytes behind its pixels");
}
