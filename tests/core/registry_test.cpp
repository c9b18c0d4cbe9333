#include "paser/core/registry.hpp"

#include <catch2/catch.hpp>

using namespace paser;

TEST_CASE("a registry gives the maker of a name, and names what it knows where it does not") {
  using Maker = double (*)(double);
  auto& registry = Registry<Maker>::instance();
  const Maker twice = [](double x) { return 2 * x; }, half = [](double x) { return x / 2; };
  CHECK(registry.add("twice", twice));
  CHECK(registry.add("half", half));
  CHECK(registry.add("twice", twice));
  CHECK(registry.names() == std::vector<std::string>{"half", "twice"});
  CHECK(registry.find("rule", "half", "")(3) == 1.5);
  CHECK_THROWS_WITH(registry.find("rule", "twise", "; look elsewhere"),
                    "unknown rule 'twise', did you mean 'twice'? Known: half, twice; look elsewhere");
  CHECK_THROWS_WITH(registry.add("twice", half), Catch::Contains("another maker of the name 'twice'"));
  CHECK(registry.find("rule", "twice", "")(3) == 6);
  CHECK_THROWS_AS(registry.add("", half), ValueError);
  CHECK_THROWS_AS(registry.add("a\"b", half), ValueError);
}
