#include "paser/core/random.hpp"

#include <algorithm>
#include <catch2/catch.hpp>

namespace random_test {

using namespace paser;

TEST_CASE("a whole number is drawn from no more numbers than 32 bits can name") {
  const Key key{7};
  const Index most = Index{1} << 32;
  for (std::uint64_t i = 0; i < 1000; ++i) CHECK(key.uniform_int(i, most) == static_cast<Index>(key.word(i)));
  for (const Index bad : {Index{-1}, most + 1, Index{1} << 40})
    CHECK_THROWS_WITH(key.uniform_int(0, bad),
                      "Key::uniform_int: expected 0 .. 2^32 numbers to draw from, got " + std::to_string(bad));
  static_assert(Key{3}.uniform_int(5, 1) == 0);
}

TEST_CASE("uniform values lie below their upper end, also where a draw rounds to it") {
  const auto all_below = [](const auto& values, double low, double high) {
    return std::ranges::all_of(values, [&](auto v) { return v >= low && static_cast<double>(v) < high; });
  };
  const Shape<1> shape{1 << 21};
  CHECK(all_below(uniform<float>(Key{1}, shape, 100, 101).values(), 100, 101));
  CHECK(all_below(uniform<float>(Key{1}, shape, -1, 0.1).values(), -1, 0.1));
  CHECK(all_below(uniform<float>(Key{1}, Shape{4096}, 16777216, 16777218).values(), 16777216, 16777218));
  CHECK(uniform<float>(Key{1}, Shape{8}, 3, 3)(7) == 3);
  CHECK(all_below(uniform<double>(Key{1}, shape, 1, 1 + 0x1p-51).values(), 1, 1 + 0x1p-51));
}

}  // namespace random_test
