#pragma once
#include "paser/core/macros_off.inc"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <functional>
#include <optional>
#include <ostream>
#include <string>

#include "paser/core/shape.hpp"
#include "paser/core/text.hpp"
#include "paser/report/notes.hpp"
#include "paser/report/text.hpp"

namespace paser::report {

/// Seconds of a clock that never goes back.
inline double monotonic_seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

/// Where and how progress is shown. The default is where notes go; every part can be replaced for tests.
struct ProgressOptions {
  std::ostream* out = &notes();
  /// Draw one line again and again, fitted to the terminal. Otherwise plain lines, never cut: one a tenth of the stage
  /// but none more often than `plain_seconds`, so that a log file stays short, and one after `quiet_seconds` in any
  /// case.
  bool terminal = ::isatty(STDERR_FILENO) == 1;
  double refresh_seconds = 0.1;
  double plain_seconds = 20, quiet_seconds = 300;
  /// A rate is told when it comes from at least so many seconds, and from a step.
  double rate_seconds = 0.5;
  std::string unit = "steps";  ///< what is counted
  std::function<double()> clock = monotonic_seconds;
  /// Terminal columns; 0 asks the terminal.
  std::size_t columns = 0;
};

/// Shows how far a stage is: count, rate and time left.
///
///   Progress progress("pretrain f1", steps);
///   for (Index i = 0; i < steps; ++i) { ...; progress.update(i + 1, "loss 0.21"); }
///   progress.finish("IoU 0.81");
///
/// Rate and time left come from the work between the construction and now.
class Progress {
 public:
  using Options = ProgressOptions;  ///< See ProgressOptions.

  /// `done` steps were made in an earlier run; they count for the share, and not for the rate.
  Progress(std::string stage, Index total, Options options = {}, Index done = 0)
      : stage_(std::move(stage)),
        options_(std::move(options)),
        total_(total),
        first_(done),
        done_(done),
        tenth_(tenth(done)),
        start_(options_.clock()),
        shown_(start_) {
    if (options_.terminal) draw(fitted(start_, ""));
  }

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
      draw(fitted(now, visible(note)));
    } else {
      const bool due = now - shown_ >= options_.plain_seconds && tenth(done) > tenth_;
      if (done >= total_ || !(due || now - shown_ >= options_.quiet_seconds)) return;
      tenth_ = tenth(done);
      *options_.out << full(now, visible(note)) << '\n' << std::flush;
    }
    shown_ = now;
  }

  /// One last line, never cut: the steps that this run made, and the time that they took.
  void finish(const std::string& note = "") {
    if (finished_) return;
    finished_ = true;
    const double now = options_.clock();
    const std::string last =
        stage_ + "  " + made() + " in " + duration(now - start_) + spaced(rate_text(now)) + spaced(visible(note));
    if (options_.terminal)
      *options_.out << '\r' << pad_right(last, drawn_);
    else
      *options_.out << last;
    *options_.out << '\n' << std::flush;
    open_line_ = false;
  }

 private:
  static std::string spaced(const std::string& text) { return text.empty() ? "" : "  " + text; }
  Index tenth(Index done) const { return part(done, 10); }
  /// How many of `parts` equal parts of the stage are done. Exact, for totals too that no product with `parts` holds.
  Index part(Index done, Index parts) const {
    if (total_ <= 0) return 0;
    const Index each = total_ / parts, over = total_ % parts;
    Index k = 0;
    while (k < parts && (k + 1) * each + ((k + 1) * over + parts - 1) / parts <= done) ++k;
    return k;
  }

  /// "90 steps"; "40 of 90 steps" after an early end; "10 steps (80 in an earlier run)".
  std::string made() const {
    std::string text = std::to_string(done_ - first_);
    if (done_ < total_) text += " of " + std::to_string(total_ - first_);
    text += " " + options_.unit;
    if (first_ > 0) text += " (" + std::to_string(first_) + " in an earlier run)";
    return text;
  }

  /// 0 while it is not known.
  double rate(double now) const {
    const double seconds = now - start_;
    return seconds >= options_.rate_seconds && seconds > 0 ? static_cast<double>(done_ - first_) / seconds : 0;
  }
  std::string rate_text(double now) const {
    const double r = rate(now);
    if (!(r > 0)) return "";
    return r >= 1 ? fixed_number(r, r >= 100 ? 0 : 1) + "/s" : fixed_number(1 / r, 1) + " s each";
  }
  std::string rate_and_rest(double now) const {
    const double r = rate(now);
    return r > 0 ? spaced(rate_text(now)) + "  ETA " + duration(static_cast<double>(total_ - done_) / r) : "";
  }

  double share() const { return total_ > 0 ? static_cast<double>(done_) / static_cast<double>(total_) : 0; }
  std::string count() const { return "  " + std::to_string(done_) + "/" + std::to_string(total_); }
  std::string percent() const { return "  " + std::to_string(part(done_, 100)) + " %"; }
  std::string bar(std::size_t cells) const {
    if (cells == 0) return "";
    const auto filled =
        static_cast<std::size_t>(std::lround(static_cast<double>(cells) * std::clamp(share(), 0.0, 1.0)));
    return "  [" + std::string(filled, '=') + std::string(cells - filled, ' ') + "]";
  }

  std::string full(double now, const std::string& note) const {
    return stage_ + count() + percent() + rate_and_rest(now) + spaced(note);
  }

  /// The line in the width of the terminal. What goes first is what the rest says too: the bar, then the share; then
  /// the note is shortened, then the stage. Count, rate and time left stay.
  std::string fitted(double now, const std::string& note) const {
    const std::size_t width = columns();
    const std::string kept = count() + percent() + rate_and_rest(now);
    for (const std::size_t cells : {20u, 10u, 0u})
      if (std::string line = stage_ + bar(cells) + kept + spaced(note); display_width(line) <= width) return line;
    const std::string needed = count() + rate_and_rest(now);
    const std::size_t fixed = display_width(stage_) + display_width(needed);
    if (fixed > width) {
      const std::size_t rest = display_width(needed);
      return clip(shortened(stage_, width > rest ? width - rest : 0) + needed, width);
    }
    const std::size_t room = width - fixed;
    return stage_ + needed + (room > 2 + least_note ? spaced(shortened(note, room - 2)) : "");
  }

  /// A note cut to fewer columns says nothing.
  static constexpr std::size_t least_note = 6;

  static std::string shortened(const std::string& text, std::size_t width) {
    if (display_width(text) <= width) return text;
    if (width <= 3) return clip(text, width);
    const std::string kept = clip(text, width - 3);
    return kept.substr(0, kept.find_last_not_of(' ') + 1) + "...";
  }

  std::size_t columns() const {
    if (options_.columns > 0) return options_.columns;
    winsize size{};
    return ::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 1 ? size.ws_col - 1u : 79u;
  }

  void draw(const std::string& line) {
    *options_.out << '\r' << pad_right(line, std::min(drawn_, columns())) << std::flush;
    drawn_ = display_width(line);
    open_line_ = true;
  }

  std::string stage_;
  Options options_;
  Index total_, first_, done_, tenth_;
  double start_, shown_;
  std::size_t drawn_ = 0;
  bool open_line_ = false, finished_ = false;
};

/// A Progress for work that tells (done, total) and begins by telling that 0 are done, which starts the clock.
class ProgressOf {
 public:
  ProgressOf(std::string stage, std::string unit) : stage_(std::move(stage)) { options_.unit = std::move(unit); }

  void operator()(Index done, Index total) {
    if (!shown_)
      shown_.emplace(stage_, total, options_, done);
    else
      shown_->update(done);
  }
  /// Nothing where no work was told.
  void finish(const std::string& note = "") {
    if (shown_) shown_->finish(note);
  }

 private:
  std::string stage_;
  ProgressOptions options_;
  std::optional<Progress> shown_;
};

}  // namespace paser::report
#include "paser/core/macros_on.inc"
