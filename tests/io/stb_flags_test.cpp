#include <stb/stb_image.h>
#include <stb/stb_image_write.h>
#include <catch2/catch.hpp>

#include "paser/io/image_file.hpp"
#include "paser/io/indexed_png.hpp"
#include "support/samples.hpp"
#include "support/tiny_images.hpp"

/// The flags of stb_image and stb_image_write belong to the program that paser is a part of.
namespace stb_flags_test {

using namespace paser;

/// What the host has set, for the time of a test.
struct HostFlags {
  HostFlags() { set(1, 100, 2); }
  ~HostFlags() { set(0, 8, -1); }
  HostFlags(const HostFlags&) = delete;
  HostFlags& operator=(const HostFlags&) = delete;

 private:
  static void set(int flag, int level, int filter) {
    stbi_set_flip_vertically_on_load(flag);
    stbi_set_unpremultiply_on_load(flag);
    stbi_convert_iphone_png_to_rgb(flag);
    stbi_flip_vertically_on_write(flag);
    stbi_write_png_compression_level = level;
    stbi_write_force_png_filter = filter;
  }
};

std::vector<int> pixels(const std::string& bytes) {
  return samples(io::decode_page(bytes, "x").integers);
}

std::string jpeg() {
  std::vector<unsigned char> rows(16 * 16, 20);
  std::fill(rows.begin() + 128, rows.end(), std::uint8_t{220});
  std::string bytes;
  stbi_write_jpg_to_func(
      [](void* to, void* from, int count) {
        static_cast<std::string*>(to)->append(static_cast<const char*>(from), static_cast<std::size_t>(count));
      },
      &bytes, 16, 16, 1, rows.data(), 90);
  return bytes;
}

TEST_CASE("N03: pictures are read the right way up, whatever the host has told stb_image") {
  const std::string gray = tiny::png({10, 200}, 1, 8), mask = tiny::png({0, 1}, 1, 8, {{0, 0, 0}, {255, 0, 0}});
  const std::string photo = jpeg(), bitmap = tiny::bmp(1, 2, 24, std::string("\1\2\3\0\4\5\6\0", 8));
  const auto upright = pixels(photo);
  REQUIRE(upright[0] < 60);
  const HostFlags flags;
  CHECK(pixels(gray) == std::vector<int>{10, 200});
  CHECK(pixels(mask) == std::vector<int>{0, 1});
  CHECK(samples(io::decode_image(gray, "x")) == std::vector<int>{10, 200});
  CHECK(pixels(photo) == upright);
  CHECK(pixels(bitmap) == std::vector<int>{6, 5, 4, 3, 2, 1});
  // The flags are the host's still: of the thread and of the program.
  int width = 0, height = 0, channels = 0;
  stbi_uc* seen = stbi_load_from_memory(reinterpret_cast<const stbi_uc*>(gray.data()), static_cast<int>(gray.size()),
                                        &width, &height, &channels, 0);
  REQUIRE(seen != nullptr);
  CHECK(int{seen[0]} == 200);
  stbi_image_free(seen);
}

TEST_CASE(
    "N03: pictures are written the right way up and in the same bytes, whatever the host has told stb_image_write") {
  const auto picture = Tensor<std::uint8_t, 3>::from({2, 1, 1}, std::vector<std::uint8_t>{10, 200});
  const auto mask = Tensor<std::uint8_t, 3>::from({2, 1, 1}, std::vector<std::uint8_t>{0, 1});
  const std::vector<io::Colour> palette{{0, 0, 0}, {255, 0, 0}};
  const std::string before = io::encode_png(picture), indexed = io::encode_indexed_png(mask, palette);
  const HostFlags flags;
  CHECK(io::encode_png(picture) == before);
  CHECK(io::encode_indexed_png(mask, palette) == indexed);
  CHECK(pixels(before) == std::vector<int>{10, 200});
  CHECK(pixels(indexed) == std::vector<int>{0, 1});
}

TEST_CASE("N03: a host that draws with OpenGL may set the flag while pictures are read") {
  const std::string photo = jpeg();
  const auto upright = pixels(photo);
  for (int turn = 0; turn < 4; ++turn) {
    stbi_set_flip_vertically_on_load(turn % 2);
    CHECK(pixels(photo) == upright);
  }
  stbi_set_flip_vertically_on_load(0);
  std::string apple = tiny::png({10, 200}, 1, 8);
  apple.insert(8, tiny::png_chunk("CgBI", std::string(4, '\0')));
  const HostFlags flags;
  CHECK_THROWS_AS(io::decode_page(apple, "phone.png"), FormatError);
}

}  // namespace stb_flags_test
