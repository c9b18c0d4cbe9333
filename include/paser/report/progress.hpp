#pragma once

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <functional>
#include <iostream>
#include <string>

#include "paser/core/shape.hpp"
#include "paser/report/text.hpp"

namespace paser::report {

/// Seconds of a clock that never goes back.
inline double monotonic_seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

/// Where and how progress is shown. The default is standard error; every part can be replaced for tests.
struct ProgressOptions {
  std::ostream* out = &std::cerr;
  /// Draw one line again and again. Otherwise plain lines: at most one a tenth of the stage, none more often than
  /// `plain_seconds` but the last, so that a log file stays short.
  bool terminal = ::isatty(STDERR_FILENO) == 1;
  double refresh_seconds = 0.1;
  double plain_seconds = 20;
  std::function<double()> clock = monotonic_seconds;
  /// Terminal columns; 0 asks the terminal.
  std::size_t columns = 0;
};

/// Shows how far a stage is: count, rate and time left.
///
///   Progress progress("pretrain f1", steps);
///   for (Index i = 0; i < steps; ++i) { ...; progress.update(i + 1, "loss 0.21"); }
///   progress.finish("IoU 0.81");
class Progress {
 public:
  using Options = ProgressOptions;

  /// `done` steps were made in an earlier run; the rate is measured on the steps of this one.
  Progress(std::string stage, Index total, Options options = {}, Index done = 0)
      : stage_(std::move(stage)),
        options_(std::move(options)),
        total_(total),
        first_(done),
        done_(done),
        start_(options_.clock()),
        shown_(start_ - options_.refresh_seconds) {}

  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  /// Ends the line, so that what is printed after an exception or an early stop starts on a line of its own.
  ~Progress() {
    if (open_line_) *options_.out << '\n' << std::flush;
  }

  /// `done` of the total steps are made; `note` is a short text such as the present loss.
  void update(Index done, const std::string& note = "") {
    done_ = done;
    if (finished_) return;
    const double now = options_.clock();
    if (options_.terminal) {
      if (now - shown_ < options_.refresh_seconds) return;
      draw(line(now, note));
      shown_ = now;
    } else {
      const Index tenth = total_ > 0 ? 10 * done / total_ : 0;
      if (tenth <= tenth_ || done >= total_ || now - shown_ < options_.plain_seconds) return;
      tenth_ = tenth;
      shown_ = now;
      *options_.out << line(now, note) << '\n' << std::flush;
    }
  }

  /// One last line with the time that the stage took.
  void finish(const std::string& note = "") {
    if (finished_) return;
    finished_ = true;
    const double now = options_.clock();
    const std::string last =
        stage_ + "  " + std::to_string(done_) + " steps in " + duration(now - start_) + rate_text(now) + tail(note);
    if (options_.terminal) {
      draw(last);
      open_line_ = false;
      *options_.out << '\n' << std::flush;
    } else {
      *options_.out << last << '\n' << std::flush;
    }
  }

 private:
  static std::string tail(const std::string& note) { return note.empty() ? "" : "  " + note; }

  double rate(double now) const { return now > start_ ? static_cast<double>(done_ - first_) / (now - start_) : 0; }
  std::string rate_text(double now) const {
    const double r = rate(now);
    if (!(r > 0)) return "";
    char text[32];
    if (r >= 1) {
      std::snprintf(text, sizeof text, "  %.*f/s", r >= 100 ? 0 : 1, r);
    } else {
      std::snprintf(text, sizeof text, "  %.1f s each", 1 / r);
    }
    return text;
  }

  std::string line(double now, const std::string& note) const {
    const double share = total_ > 0 ? static_cast<double>(done_) / static_cast<double>(total_) : 0;
    std::string text = stage_;
    if (options_.terminal) {
      const auto filled = static_cast<std::size_t>(std::clamp(std::lround(20 * share), 0L, 20L));
      text += "  [" + std::string(filled, '=') + std::string(20 - filled, ' ') + "]";
    }
    text += "  " + std::to_string(done_) + "/" + std::to_string(total_) + "  " +
            std::to_string(std::lround(std::floor(100 * share))) + " %" + rate_text(now);
    if (const double r = rate(now); r > 0) text += "  ETA " + duration(static_cast<double>(total_ - done_) / r);
    return text + tail(note);
  }

  void draw(const std::string& text) {
    std::size_t columns = options_.columns;
    if (columns == 0) {
      winsize size{};
      columns = ::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 1 ? size.ws_col - 1u : 79u;
    }
    const std::string visible = clip(text, columns);
    *options_.out << '\r' << pad_right(visible, std::min(drawn_, columns)) << std::flush;
    drawn_ = display_width(visible);
    open_line_ = true;
  }

  std::string stage_;
  Options options_;
  Index total_, first_, done_, tenth_ = 0;
  double start_, shown_;
  std::size_t drawn_ = 0;
  bool open_line_ = false, finished_ = false;
};

}  // namespace paser::report
