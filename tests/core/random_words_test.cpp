#include "paser/core/random_words.hpp"

#include <catch2/catch.hpp>

using namespace paser;

TEST_CASE("fill_words gives the words of the stream, also where the counter outgrows 32 bits") {
  const Key key{0x123456789ABCDEF0};
  for (const std::uint64_t first : {std::uint64_t{0}, std::uint64_t{1236}, (std::uint64_t{1} << 34) - 40}) {
    std::uint32_t words[128];
    fill_words(key, first, 101, words);
    int wrong = 0;
    for (std::uint64_t i = 0; i < 101; ++i) wrong += words[i] != key.word(first + i);
    CHECK(wrong == 0);
  }
}
