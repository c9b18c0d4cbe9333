#pragma once

#include <algorithm>
#include <array>
#include <charconv>
#include <numeric>
#include <string>
#include <string_view>
#include <vector>

/// Help with mistyped names, and numbers as text.
namespace paser {

/// The number of letters to insert, delete or replace to get from a to b (Levenshtein).
inline std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i + 1;
    for (std::size_t j = 0; j < b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({row[j + 1] + 1, row[j] + 1, replaced});
    }
  }
  return row.back();
}

/// ", did you mean 'x'?" with the known name nearest to `name`; empty when none is near (over a third of its letters
/// differ, and more than two).
inline std::string suggestion(std::string_view name, const std::vector<std::string>& known) {
  const std::string* best = nullptr;
  std::size_t least = std::max<std::size_t>(2, name.size() / 3) + 1;
  for (const std::string& candidate : known) {
    const std::size_t distance = edit_distance(name, candidate);
    if (distance >= least || distance >= candidate.size()) continue;
    least = distance;
    best = &candidate;
  }
  return best ? ", did you mean '" + *best + "'?" : "";
}

/// "unknown preset 'demoo', did you mean 'demo'? Known: demo, paper": for the message of an exception. `what` is the
/// kind of thing that `name` should have named.
inline std::string unknown_name(std::string_view what, std::string_view name, const std::vector<std::string>& known) {
  std::string list;
  for (const std::string& candidate : known) list += (list.empty() ? "" : ", ") + candidate;
  const std::string near = suggestion(name, known);
  return "unknown " + std::string(what) + " '" + std::string(name) + "'" + near +
         (near.empty() ? ". Known: " : " Known: ") + list;
}

/// The shortest decimal text from which the same double is read.
inline std::string exact_number(double value) {
  std::array<char, 32> text{};
  const auto end = std::to_chars(text.data(), text.data() + text.size(), value).ptr;
  return {text.data(), end};
}

}  // namespace paser
