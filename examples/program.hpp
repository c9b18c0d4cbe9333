#pragma once

#include <fcntl.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <csignal>
#include <cstdint>
#include <filesystem>
#include <iostream>
#include <sstream>
#include <string>

#include "paser/core/error.hpp"
#include "paser/core/memory.hpp"
#include "paser/core/text.hpp"
#include "paser/experiment/dry_run.hpp"
#include "paser/experiment/shown.hpp"
#include "printed.hpp"

/// What the programs share: how they start and how they end.
namespace program {

/// Exit statuses, the same in every program.
enum Exit {
  done = 0,
  failed = 1,          ///< something that was asked for could not be done; a message says what
  wrong_usage = 2,     ///< the options make no sense together, or what they name is not there or cannot be read
  not_finite = 3,      ///< a number in training, in a model or in an answer is NaN or infinite; a message says where
  rank_lost = 4,       ///< a process of the team was waited for in vain; what was saved before stays
  files_left_out = 5,  ///< done, but for files that could not be used, which an option or setting allowed
  interrupted = 130    ///< stopped by Ctrl-C; what was done is saved
};

/// Of an option: a number of low .. high. CLI::Range lets NaN through.
inline CLI::Validator within(double low, double high) {
  const std::string legal = paser::message(low, " .. ", high);
  return CLI::Validator(
      [low, high, legal](std::string& text) {
        double value = 0;
        const bool number = CLI::detail::lexical_cast(text, value);
        return number && value >= low && value <= high ? "" : "'" + text + "', expected a number of " + legal;
      },
      legal);
}

/// Of an option: a seed, a whole number of 0 .. 2^64 - 1. CLI11 takes -1 for the largest one.
inline CLI::Validator seed() {
  return CLI::Validator(
      [](std::string& text) {
        std::uint64_t value = 0;
        const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
        const bool whole = error == std::errc() && end == text.data() + text.size();
        return whole ? "" : "'" + text + "', expected a whole number of 0 .. 18446744073709551615";
      },
      "0 .. 2^64 - 1");
}

/// The last line of a program's help.
inline constexpr const char* statuses =
    "Exit status: 0 done; 1 something failed; 2 wrong options, or what they name cannot be used; 3 a number in "
    "training, in "
    "a model or in an answer is not finite, and what was saved before stays; 130 interrupted.";

using paser::experiment::DryRun;
using paser::experiment::DryRunEnds;
using paser::experiment::Interrupted;
using paser::experiment::stops_by_itself;
using paser::experiment::work_has_begun;

/// The command as one types it into a shell, the program's folder left out.
inline std::string command_line(int argc, const char* const* argv) {
  std::string command = argc > 0 ? std::filesystem::path(argv[0]).filename().string() : "";
  for (int i = 1; i < argc; ++i) command += ' ' + paser::shell_word(argv[i]);
  return command;
}

namespace detail {

/// A file that is opened must not become the standard output of a program that was begun without one: what is printed
/// then fails, and nothing is written into it.
inline void fill_standard_descriptors() {
  for (int descriptor = 0; descriptor <= 2; ++descriptor)
    if (::fcntl(descriptor, F_GETFD) == -1 && ::open("/dev/null", O_RDONLY) != descriptor) return;
}

/// Throws ValueError for an option whose value is empty, as of a shell's variable that is not set: none has a use for
/// it.
inline void refuse_empty(const CLI::App& app) {
  for (const CLI::Option* option : app.get_options())
    for (const std::string& value : option->results())
      paser::check<paser::ValueError>(!value.empty(), option->get_name().c_str(), "has an empty value");
}

/// The same for one of several values in a word, "a,,b" or "[a,,b]". CLI11 leaves such out, so that its results say
/// nothing of them: the words are looked for that stand behind the option, and whose other values it has.
inline void refuse_empty_in_lists(const CLI::App& app, int argc, const char* const* argv) {
  for (const CLI::Option* option : app.get_options()) {
    const char comma = option->get_delimiter();
    if (comma == '\0') continue;
    bool behind = false;
    for (int i = 1; i < argc; ++i) {
      std::string word = argv[i];
      if (word.starts_with("--")) {
        const std::size_t end = std::min(word.find('='), word.size());
        behind = option->check_name(word.substr(0, end));
        if (end == word.size()) continue;
        word.erase(0, end + 1);
      }
      if (!behind) continue;
      if (word.size() > 1 && word.front() == '[' && word.back() == ']') word = word.substr(1, word.size() - 2);
      std::istringstream values(word + comma);
      bool empty = false, taken = true;
      for (std::string value; std::getline(values, value, comma);)
        if (value.empty())
          empty = true;
        else
          taken = taken && std::ranges::find(option->results(), value) != option->results().end();
      paser::check<paser::ValueError>(!empty || !taken, option->get_name().c_str(), "has an empty value in '", word,
                                      "'");
    }
  }
}

template <class Body>
int run(CLI::App& app, int argc, char** argv, const Body& body) {
  fill_standard_descriptors();
  const auto ends = [](const std::exception& error, Exit status) {
    std::cerr << "error: " << paser::visible(error.what(), "\n") << "\n";
    return status;
  };
  const auto unless_begun = [] { return work_has_begun() ? failed : wrong_usage; };
  work_has_begun() = false;
#ifdef SIGXFSZ
  std::signal(SIGXFSZ, SIG_IGN);  // a file that may not grow is an error of its write, which is told
#endif
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    std::ostringstream asked, wrong;  // what is wrong has words of the command line in it
    const int ended = app.exit(error, asked, wrong);
    std::cout << asked.str();
    std::cerr << paser::visible(wrong.str(), "\n");
    return ended == 0 ? done : wrong_usage;
  }
  try {
    refuse_empty(app);
    refuse_empty_in_lists(app, argc, argv);
    return body(command_line(argc, argv));
  } catch (const DryRunEnds& end) {
    const CLI::Option* const json = app.get_option_no_throw("--json");
    end.would.print(std::cout, json && *json);
    return done;
  } catch (const Interrupted& stop) {
    std::cerr << "\n" << stop.what() << "\n";
    return interrupted;
  } catch (const paser::NotFiniteError& error) {
    return ends(error, not_finite);
  } catch (const paser::ValueError& error) {
    return ends(error, wrong_usage);
  } catch (const paser::Error& error) {
    return ends(error, unless_begun());
  } catch (const std::filesystem::filesystem_error& error) {
    const bool too_long = error.code() == std::errc::filename_too_long;  // a name that no file can have
    const std::string first = error.path1().string(), second = error.path2().string();
    return ends(paser::IoError(first.empty() ? error.what()
                                             : paser::message("'", first, second.empty() ? "" : "', '" + second,
                                                              "': ", error.code().message())),
                too_long ? wrong_usage : unless_begun());
  } catch (const paser::OutOfMemory& error) {
    return ends(error, failed);
  } catch (const std::bad_alloc&) {  // says nothing itself
    return ends(std::runtime_error("out of memory"), failed);
  } catch (const std::exception& error) {
    return ends(error, failed);
  }
}

}  // namespace detail

/// Reads the options and runs body(command), which returns an exit status. Every exception becomes a message and a
/// status, and so does a standard output that cannot be written. The body sets work_has_begun() once it has read what
/// the options name: what cannot be read before is a wrong option (2), what fails afterwards a failure (1).
template <class Body>
int run(CLI::App& app, int argc, char** argv, const Body& body) {
  return printed(detail::run(app, argc, argv, body));
}

}  // namespace program
