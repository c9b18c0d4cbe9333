// Compiled with OpenMP, and left out where the compiler has none: a program of OpenMP's that uses paser.
#include <catch2/catch.hpp>
#include <vector>

#include "loops.hpp"

using namespace paser;

TEST_CASE("in a parallel region of a program that uses OpenMP itself") {
  set_threads(1);
  const double alone = result();
  for (const int n : {1, 2, 4}) {
    set_threads(n);
    std::vector<double> results(4);
    for (int round = 0; round < 3; ++round) {
#pragma omp parallel for num_threads(4) schedule(static, 1)
      for (int i = 0; i < 4; ++i) results[static_cast<std::size_t>(i)] = result();
      CHECK(results == std::vector<double>(4, alone));
      CHECK(result() == alone);
    }
  }
  set_threads(0);
}
