#include "paser/core/tree_sum.hpp"

#include <bit>
#include <catch2/catch.hpp>
#include <string>

using namespace paser;
using Catch::Contains;

namespace {

/// A sum as it was put together.
struct Text {
  std::string text;
  Text& operator+=(const Text& other) {
    text = "(" + text + other.text + ")";
    return *this;
  }
};

/// Parts begin .. end-1, part n being the letter number n.
TreeSum<Text> letters(PartRange parts) {
  TreeSum<Text> sum(parts.begin);
  for (Index p = parts.begin; p < parts.end; ++p) sum.add({std::string(1, static_cast<char>('a' + p))});
  return sum;
}

}  // namespace

TEST_CASE("parts are added along a balanced tree that their number fixes") {
  const auto tree = [](Index parts) { return letters({0, parts}).total().text; };
  CHECK(tree(0).empty());
  CHECK(tree(1) == "a");
  CHECK(tree(2) == "(ab)");
  CHECK(tree(3) == "((ab)c)");
  CHECK(tree(4) == "((ab)(cd))");
  CHECK(tree(5) == "(((ab)(cd))e)");
  CHECK(tree(7) == "(((ab)(cd))((ef)g))");
  CHECK(tree(8) == "(((ab)(cd))((ef)(gh)))");
  CHECK(tree(11) == "((((ab)(cd))((ef)(gh)))((ij)k))");
}

TEST_CASE("any number of processes that own whole parts make the tree of one") {
  for (Index parts = 1; parts <= 26; ++parts) {
    const std::string expected = letters({0, parts}).total().text;
    for (Index processes = 1; processes <= parts; ++processes) {
      INFO(processes << " processes, " << parts << " parts");
      TreeSum<Text> sum;
      for (Index rank = 0; rank < processes; ++rank) {
        const PartRange own = parts_of_process(parts, rank, processes);
        CHECK(own.begin == sum.range().end);
        CHECK((own.end - own.begin == parts / processes || own.end - own.begin == (parts + processes - 1) / processes));
        sum.join(letters(own));
      }
      CHECK(sum.range().end == parts);
      CHECK(std::move(sum).total().text == expected);
    }
  }
}

TEST_CASE("a tree sum holds a logarithm of its parts, and its roots can be handed over one by one") {
  TreeSum<double> sum;
  for (Index p = 0; p < 1000; ++p) {
    sum.add(1);
    CHECK(static_cast<int>(sum.roots().size()) == std::popcount(static_cast<unsigned>(p + 1)));
  }
  TreeSum<double> received;
  for (const auto& root : sum.roots()) received.append(root);
  CHECK(received.range().end == 1000);
  CHECK(std::move(received).total() == 1000);

  const auto inner = letters({3, 13});
  std::string roots;
  for (const auto& root : inner.roots()) roots += root.sum.text + " ";
  CHECK(roots == "d ((ef)(gh)) ((ij)(kl)) m ");
}

TEST_CASE("a tree sum says which parts are missing, and processes without parts are refused") {
  CHECK_THROWS_WITH(parts_of_process(3, 0, 4), Contains("4 processes share 3 parts") && Contains("fewer processes"));
  CHECK_THROWS_AS(parts_of_process(3, 0, 4), ValueError);
  CHECK_THROWS_WITH(parts_of_process(8, 2, 2), Contains("process 2 of 2"));
  CHECK_THROWS_AS(parts_of_process(8, 0, 0), ValueError);
  CHECK_THROWS_AS(parts_of_process(8, -1, 2), ValueError);
  auto sum = letters({0, 2});
  CHECK_THROWS_WITH(sum.join(letters({3, 4})), Contains("part 2 comes next, got part 3"));
  CHECK_THROWS_WITH(sum.append({2, 3, {"cde"}}), Contains("parts 2 .. 4 are no node of the tree"));
  CHECK_THROWS_AS(sum.append({2, 4, {"cdef"}}), ValueError);
  CHECK_THROWS_WITH(letters({1, 3}).total(), Contains("begin with part 1"));
}
