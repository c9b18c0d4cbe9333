#pragma once

#include <charconv>
#include <cstdlib>
#include <iostream>
#include <string_view>

namespace benchmark_program {

/// The argument of a place as a whole number of 1 .. most, `usual` when it is not there. Anything else ends the program
/// with a sentence and status 2. what: "threads".
inline int count_argument(int argc, char** argv, int place, int usual, const char* what, int most = 4096) {
  if (argc <= place) return usual;
  const std::string_view text = argv[place];
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error == std::errc() && end == text.data() + text.size() && value >= 1 && value <= most) return value;
  std::cerr << argv[0] << ": '" << text << "' " << what << ", expected a whole number of 1 .. " << most << "\n";
  std::exit(2);
}

}  // namespace benchmark_program
