#include "paser/data/range_fit.hpp"

#include <catch2/catch.hpp>

namespace range_fit_test {

using namespace paser;
using Catch::Matchers::Contains;

io::DecodedImage whole(const std::vector<int>& values, int bits) {
  io::DecodedImage page;
  page.bits = bits;
  page.integers = {Tensor<std::uint16_t, 3>({1, static_cast<Index>(values.size()), 1}), (1u << bits) - 1};
  std::copy(values.begin(), values.end(), page.integers.pixels.mutable_data());
  return page;
}
io::DecodedImage real(const std::vector<float>& values) {
  io::DecodedImage page;
  page.bits = 32;
  page.reals = Tensor<float, 3>({1, static_cast<Index>(values.size()), 1});
  std::copy(values.begin(), values.end(), page.reals.mutable_data());
  return page;
}

TEST_CASE("images that cannot be those of a value range are refused, and others are not") {
  const io::ValueRange camera{0, 4095}, bytes{0, 255};
  const auto fits = [](const io::DecodedImage& page, std::optional<io::ValueRange> range) {
    CHECK_NOTHROW(data::require_range_fits(page, range, "a.png"));
  };
  const auto refused = [](const io::DecodedImage& page, const io::ValueRange& range, const std::string& part) {
    CHECK_THROWS_AS(data::require_range_fits(page, range, "a.png"), FormatError);
    CHECK_THROWS_WITH(data::require_range_fits(page, range, "a.png"),
                      Contains("a.png") && Contains(part) && Contains("--range"));
  };
  refused(whole({0, 100, 255}, 8), camera, "8-bit gray values, 0 .. 255, of which the largest would become 0.06");
  refused(whole({0, 4000}, 12), {0, 65535}, "12-bit");
  refused(whole({60000, 50000, 100}, 16), camera, "66 % are over 4095");
  refused(whole({300, 400, 500, 100}, 16), bytes, "over 255");
  refused(real({0.0f, 0.5f, 1.0f}), camera, "real values from 0 to 1");
  refused(real({300.0f, 5000.0f}), {0, 1}, "would all become 1");
  fits(whole({0, 100, 255}, 8), {});
  fits(whole({0, 100, 255}, 8), bytes);
  fits(whole({0, 100, 255}, 8), io::ValueRange{0, 400});
  fits(whole({0, 4095}, 12), camera);
  fits(whole({0, 0, 0}, 16), camera);  // an empty page of a stack
  fits(whole({60000, 0, 100}, 16), camera);
  fits(real({0, 0, 0}), camera);
  fits(real({0, 2000, 9000}), camera);
}

TEST_CASE("dark images are warned of") {
  CHECK_THAT(data::dark_warning(0.05f), Contains("0.05 of full scale") && Contains("a value range may be missing"));
  CHECK(data::dark_warning(0.1f).empty());
}

}  // namespace range_fit_test
