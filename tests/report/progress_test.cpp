#include "paser/report/progress.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <limits>
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
                       .quiet_seconds = std::max(plain_seconds, 300.0),
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

/// The share that is told when so many steps of the total are made.
static std::string share_told(Index done, Index total) {
  std::ostringstream out;
  Progress progress("stage", total, {.out = &out, .terminal = false, .quiet_seconds = 0, .rate_seconds = 1e9});
  progress.update(done);
  const std::string count = message(done, "/", total, "  ");
  const auto at = out.str().find(count);
  return at == std::string::npos ? "" : out.str().substr(at + count.size(), out.str().find('%') - at - count.size());
}

TEST_CASE("The share in per cent is rounded down, and is exact at every whole one") {
  for (Index total : {100, 700, 1000})
    for (Index percent = 0; percent < 100; ++percent) {
      const Index done = total / 100 * percent;
      CAPTURE(total, percent);
      CHECK(share_told(done, total) == message(percent, " "));
      if (done > 0) CHECK(share_told(done - 1, total) == message(percent - 1, " "));
    }
  CHECK(share_told(2, 3) == "66 ");
  CHECK(share_told(0, 3) == "0 ");
  constexpr Index most = std::numeric_limits<Index>::max();
  CHECK(share_told(most / 2, most) == "49 ");
  CHECK(share_told(most - 1, most) == "99 ");
}

TEST_CASE("Without a terminal, a fast stage has one line") {
  CHECK(lines(shown(false, 1e9)) == 1);
}

TEST_CASE("On a terminal, one line is drawn again and again, and closed") {
  const std::string text = shown(true, 20);
  CHECK(lines(text) == 1);
  CHECK(std::count(text.begin(), text.end(), '\r') == 1002);  // the first one before any step
  CHECK_THAT(text, Contains("stage  500/1000  50 %  1.0/s  ETA 8:20  loss 0.5"));
  CHECK(text.back() == '\n');
  for (std::size_t from = 0, to; (to = text.find('\r', from)) != std::string::npos; from = to + 1)
    REQUIRE(to - from <= 60);
}

TEST_CASE("A stage that is left early still ends its line") {
  CHECK(lines(shown(true, 20, false)) == 1);
  CHECK(shown(true, 20, false).back() == '\n');
}

TEST_CASE("Control characters in the notes of a stage, such as those of a file's name, are shown") {
  for (const bool terminal : {false, true}) {
    std::ostringstream out;
    double now = 0;
    Progress progress("stage", 10,
                      {.out = &out,
                       .terminal = terminal,
                       .plain_seconds = 0,
                       .quiet_seconds = 0,
                       .clock = [&now] { return now; },
                       .columns = 90});
    now = 100;
    progress.update(5, "\x1b[31ma.png");
    CHECK_THAT(out.str(), Contains("\\x1B[31ma.png") && !Contains("\x1b"));
    progress.finish("\x1b[2Jdone");
    CHECK_THAT(out.str(), Contains("\\x1B[2Jdone") && !Contains("\x1b"));
  }
}

namespace {

/// A stage whose clock stands still unless it is told.
struct Watched {
  std::ostringstream out{};
  double now = 1000;

  Progress::Options options(bool terminal, std::size_t columns = 80) {
    return {.out = &out,
            .terminal = terminal,
            .refresh_seconds = 0,
            .plain_seconds = 0,
            .clock = [this] { return now; },
            .columns = columns};
  }
  /// The line that was drawn last, without the spaces that cover the one before.
  std::string last() const {
    std::string text = out.str().substr(out.str().rfind('\r') + 1);
    return text.substr(0, text.find_last_not_of(" \n") + 1);
  }
};

}  // namespace

TEST_CASE("A rate comes from a finished step and half a second at least") {
  for (const bool terminal : {true, false}) {
    Watched w;
    Progress progress("stage", 10, w.options(terminal));
    CHECK_THAT(w.out.str(), !Contains("/s"));
    w.now += 1e-7;
    progress.update(1);
    CHECK_THAT(w.out.str(), Contains("1/10") && !Contains("/s") && !Contains("each") && !Contains("ETA"));
    w.now += 1;
    progress.update(1);
    progress.update(2);
    CHECK_THAT(w.out.str(), Contains("2/10  20 %  2.0/s  ETA 4 s"));
  }
  Watched w;
  Progress idle("stage", 10, w.options(true));
  w.now += 60;
  idle.update(0);
  CHECK_THAT(w.out.str(), Contains("0/10  0 %") && !Contains("ETA"));
  Watched fast;
  Progress short_stage("stage", 10, fast.options(false));
  fast.now += 0.1;
  short_stage.update(10);
  short_stage.finish();
  CHECK(fast.out.str() == "stage  10 steps in 0 s\n");
}

TEST_CASE("The rate of a resumed stage counts the steps of this run") {
  Watched w;
  Progress progress("stage", 100, w.options(true, 90), 80);
  CHECK(w.last() == "stage  [================    ]  80/100  80 %");
  w.now += 10;
  progress.update(90);
  CHECK_THAT(w.out.str(), Contains("90/100  90 %  1.0/s  ETA 10 s"));
  progress.finish("done");
  CHECK(w.last() == "stage  10 of 20 steps (80 in an earlier run) in 10 s  1.0/s  done");
}

TEST_CASE("The last line tells the steps that were made, not those that were planned") {
  Watched w;
  Progress progress("fine-tune", 150, w.options(false));
  w.now += 20;
  progress.update(40, "TVD 0.1");
  progress.finish("TVD 0.1");
  CHECK(w.out.str().substr(w.out.str().rfind("fine-tune")) == "fine-tune  40 of 150 steps in 20 s  2.0/s  TVD 0.1\n");
}

TEST_CASE("What is counted has a name, and work that tells how far it is starts the clock") {
  Watched w;
  auto options = w.options(false);
  options.unit = "images";
  Progress progress("read", 4, options);
  w.now += 2;
  progress.update(4);
  progress.finish();
  CHECK(w.out.str() == "read  4 images in 2 s  2.0/s\n");
  ProgressOf never("never", "images");
  never.finish("not shown");
}

TEST_CASE("A line is fitted to the terminal: bar, share, note and stage give way, rate and time left do not") {
  const std::string stage = "compare: every network on test images", note = "validation 0.123456, share 0.5 / 0.25";
  std::size_t before = 1000;
  for (std::size_t columns = 140; columns >= 36; --columns) {
    INFO(columns);
    Watched w;
    Progress progress(stage, 1200, w.options(true, columns));
    w.now += 100;
    progress.update(600, note);
    const std::string line = w.last();
    INFO(line);
    CHECK(display_width(line) <= columns);
    CHECK(display_width(line) <= before);
    CHECK_THAT(line, Contains("600/1200") && Contains("6.0/s") && Contains("ETA 1:40"));
    if (columns >= 135) CHECK_THAT(line, Contains("[==========          ]"));
    if (columns >= 105) CHECK_THAT(line, Contains(note));
    if (columns >= 80) CHECK_THAT(line, Contains(stage));
    before = columns;
  }
  Watched w;
  Progress progress(stage, 1200, w.options(true, 80));
  w.now += 100;
  progress.update(600, note);
  CHECK(w.last() == stage + "  600/1200  6.0/s  ETA 1:40  validation...");
  progress.finish(note);  // the last line stays, and may be longer than the terminal
  CHECK(w.last() == stage + "  600 of 1200 steps in 1:40  6.0/s  " + note);
}

TEST_CASE("Progress and notes go to standard error until somebody asks for quiet") {
  CHECK(&notes() == &std::cerr);
  CHECK(ProgressOptions().out == &std::cerr);
  std::ostringstream err;
  auto* const before = std::cerr.rdbuf(err.rdbuf());
  quiet() = true;
  Progress progress("stage", 3, {.terminal = true});
  progress.update(2);
  progress.finish();
  notes() << "a note";
  std::cerr << "a warning";
  quiet() = false;
  std::cerr.rdbuf(before);
  CHECK(err.str() == "a warning");
}

TEST_CASE("Lines of a log are not cut") {
  Watched w;
  const std::string note(200, 'x');
  Progress progress("stage", 10, w.options(false, 80));
  w.now += 10;
  progress.update(5, note);
  CHECK(w.out.str() == "stage  5/10  50 %  2.0 s each  ETA 10 s  " + note + "\n");
}

TEST_CASE("A long stage has a line now and then, whatever share of it is done") {
  Watched w;
  auto options = w.options(false);
  options.plain_seconds = 20;
  Progress progress("stage", 1000000, options);
  for (Index i = 1; i <= 1000; ++i) {
    w.now += 1;
    progress.update(i);
  }
  CHECK(lines(w.out.str()) == 3);
}
