#include "paser/report/progress.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <sstream>

using namespace paser;
using namespace paser::report;
using Catch::Matchers::Contains;

/// Runs a stage of 1000 steps of one second each and returns what was shown.
static std::string shown(bool terminal, double plain_seconds, bool finish = true) {
  std::ostringstream out;
  double now = 100;
  {
    Progress progress("stage", 1000,
                      {.out = &out,
                       .terminal = terminal,
                       .plain_seconds = plain_seconds,
                       .clock = [&now] { return now; },
                       .columns = 60});
    for (Index i = 1; i <= 1000; ++i) {
      now += 1;
      progress.update(i, "loss 0.5");
    }
    if (finish) progress.finish("done");
  }
  return out.str();
}

static auto lines(const std::string& text) {
  return std::count(text.begin(), text.end(), '\n');
}

TEST_CASE("Without a terminal, progress is at most one plain line a tenth") {
  const std::string text = shown(false, 0);
  CHECK(lines(text) == 10);
  CHECK(text.find('\r') == std::string::npos);
  CHECK_THAT(text, Contains("stage  100/1000  10 %  1.0/s  ETA 15:00  loss 0.5\n"));
  CHECK_THAT(text, Contains("stage  1000 steps in 16:40  1.0/s  done\n"));
}

TEST_CASE("Without a terminal, a fast stage has one line") {
  CHECK(lines(shown(false, 1e9)) == 1);
}

TEST_CASE("On a terminal, one line is drawn again and again, and closed") {
  const std::string text = shown(true, 20);
  CHECK(lines(text) == 1);
  CHECK(std::count(text.begin(), text.end(), '\r') == 1001);
  CHECK_THAT(text, Contains("stage  [==========          ]  500/1000  50 %"));
  CHECK(text.back() == '\n');
  for (std::size_t from = 0, to; (to = text.find('\r', from)) != std::string::npos; from = to + 1)
    REQUIRE(to - from <= 60);
}

TEST_CASE("A stage that is left early still ends its line") {
  CHECK(lines(shown(true, 20, false)) == 1);
  CHECK(shown(true, 20, false).back() == '\n');
}

TEST_CASE("The rate of a resumed stage counts the steps of this run") {
  std::ostringstream out;
  double now = 0;
  Progress progress("stage", 100, {.out = &out, .terminal = true, .clock = [&now] { return now; }, .columns = 90}, 80);
  now = 10;
  progress.update(90);
  CHECK_THAT(out.str(), Contains("90/100  90 %  1.0/s  ETA 10 s"));
}
