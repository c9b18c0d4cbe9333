#include <catch2/catch.hpp>
#include <chrono>

#include "paser/data/encode_mask.hpp"

namespace unknown_values_test {

using namespace paser;
using namespace paser::data;
using Catch::Matchers::Contains;

double seconds(const auto& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

/// Gray of 16 bits, 0 but for the last pixels, which count up to 65535.
io::DecodedImage every_value(Index height, Index width) {
  io::DecodedImage page;
  page.bits = 16;
  page.integers = {Tensor<std::uint16_t, 3>({height, width, 1}), 65535};
  std::uint16_t* out = page.integers.pixels.mutable_data();
  for (Index v = 0; v < 65536; ++v) out[height * width - 65536 + v] = static_cast<std::uint16_t>(v);
  return page;
}

TEST_CASE("unknown values: a mask is looked through once, however many of its values have no class") {
  const io::DecodedImage page = every_value(1024, 1024);
  EncodedMask mask;
  // Once takes a hundredth of this; once per value would take minutes.
  CHECK(seconds([&] { mask = encode_mask(page, LabelEncoding::index(), "m.png"); }) < 10);
  REQUIRE(mask.values.size() == 65536);
  REQUIRE(mask.unknown.size() > 100);
  CHECK(mask.unknown[0].value == "255");
  CHECK(mask.unknown[0].pixels == 1);
  CHECK(mask.unknown[0].row == 960);
  CHECK(mask.unknown[0].column == 255);
  CHECK(mask.unknown[100].value == "355");
  CHECK(mask.unknown[100].column == 355);
  CHECK(mask.values.at(0) == 1024 * 1024 - 65535);
  CHECK_THROWS_WITH(mask_labels(page, LabelEncoding::index(), "m.png"),
                    Contains("the values 255 (1 pixel, first at row 960, column 255), 256 (") &&
                        Contains(", 262 (1 pixel, first at row 960, column 262) and 65273 more have no class"));
}

}  // namespace unknown_values_test
