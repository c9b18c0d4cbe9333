#include "paser/core/random.hpp"

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

}  // namespace random_test
