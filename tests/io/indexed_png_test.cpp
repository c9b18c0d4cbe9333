#include "paser/io/indexed_png.hpp"

#include <catch2/catch.hpp>

#include "paser/core/random.hpp"
#include "paser/io/image_file.hpp"
#include "support/temporary_folder.hpp"

using namespace paser;
using namespace paser::io;
using Catch::Matchers::Contains;

namespace {

Tensor<std::uint8_t, 3> numbers_below(Index h, Index w, Index count) {
  Tensor<std::uint8_t, 3> numbers({h, w, 1});
  std::uint8_t* out = numbers.mutable_data();
  for (Index i = 0; i < numbers.numel(); ++i)
    out[i] = static_cast<std::uint8_t>(Key{5}.uniform_int(static_cast<std::uint64_t>(i), count));
  return numbers;
}

}  // namespace

TEST_CASE("a palette PNG keeps its numbers and its colours") {
  const TemporaryFolder folder;
  const auto [h, w, count] =
      GENERATE(std::tuple<Index, Index, Index>{1, 1, 1}, std::tuple<Index, Index, Index>{7, 5, 3},
               std::tuple<Index, Index, Index>{40, 33, 256});
  std::vector<Colour> palette;
  for (Index k = 0; k < count; ++k)
    palette.push_back({static_cast<std::uint8_t>(k), static_cast<std::uint8_t>(255 - k), 7});
  const auto numbers = numbers_below(h, w, count);
  write_indexed_png(folder / "mask.png", numbers, palette);

  const DecodedImage page = ImageFile(folder / "mask.png").page(0);
  CHECK(page.kind() == "8-bit palette");
  CHECK(page.palette == palette);
  REQUIRE(page.integers.pixels.shape() == numbers.shape());
  CHECK(std::ranges::equal(page.integers.pixels.values(), numbers.values()));

  const IntegerImage seen = read_image(folder / "mask.png");  // by stb_image, which looks the colours up
  REQUIRE(seen.channels() == 3);
  for (Index i = 0; i < numbers.numel(); ++i)
    for (Index c = 0; c < 3; ++c)
      REQUIRE(seen.pixels.data()[3 * i + c] == palette[numbers.data()[i]][static_cast<std::size_t>(c)]);
}

TEST_CASE("a number without a colour, and what is no palette picture, are refused") {
  const std::vector<Colour> two{{0, 0, 0}, {255, 255, 255}};
  CHECK_NOTHROW(encode_indexed_png(numbers_below(4, 4, 2), two));
  CHECK_THROWS_WITH(encode_indexed_png(Tensor<std::uint8_t, 3>::full({2, 2, 1}, std::uint8_t{2}), two),
                    Contains("pixel 0 has colour 2 of a palette of 2"));
  CHECK_THROWS_AS(encode_indexed_png(Tensor<std::uint8_t, 3>::zeros({2, 2, 3}), two), ShapeError);
  CHECK_THROWS_AS(encode_indexed_png(numbers_below(2, 2, 1), std::vector<Colour>{}), ValueError);
  CHECK_THROWS_AS(encode_indexed_png(numbers_below(2, 2, 1), std::vector<Colour>(257)), ValueError);
}
