#include "paser/data/battery.hpp"

#include <catch2/catch.hpp>

using namespace paser;

namespace {

io::IntegerImage integers(Index channels, const std::vector<std::uint16_t>& samples, std::uint32_t maximum) {
  const Index pixels = static_cast<Index>(samples.size()) / channels;
  return {Tensor<std::uint16_t, 3>::from({1, pixels, channels}, samples), maximum};
}

std::vector<std::int32_t> labels_of(const io::IntegerImage& mask) {
  const Labels labels = data::battery_labels(mask);
  return {labels.values().begin(), labels.values().end()};
}

}  // namespace

TEST_CASE("a battery mask is black for pores, white for carbon, gray for nickel") {
  CHECK(labels_of(integers(1, {0, 1, 127, 254, 255}, 255)) == std::vector<std::int32_t>{0, 2, 2, 2, 1});
  CHECK(labels_of(integers(1, {0, 255, 65535}, 65535)) == std::vector<std::int32_t>{0, 2, 1});
  CHECK(labels_of(integers(3, {0, 0, 0, 255, 255, 255, 255, 0, 0}, 255)) == std::vector<std::int32_t>{0, 1, 2});
  CHECK(data::battery_labels(integers(1, {0, 0, 0}, 255)).shape() == Shape<3>{1, 1, 3});
}
