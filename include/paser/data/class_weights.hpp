#pragma once
#include "paser/core/macros_off.inc"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <string>
#include <string_view>
#include <vector>

#include "paser/ops/class_counts.hpp"

namespace paser::data {

/// Weights of classes for a cross entropy, and what was remarkable about them.
struct ClassWeights {
  std::vector<double> weights;  ///< one a class; empty: all one
  std::vector<std::string> warnings;
};

/// Class weights by a rule from a command line or a configuration:
///
///   none         all one
///   auto         one minus the class's share in the pixels: the paper's rule. An absent class weighs 1, with a
///   warning. 0.9,0.8,0.3  as given, one positive number a class
///
/// `pixels` are those of each class. Throws ValueError on another rule, or another number of weights than classes.
template <class Rule = std::string>
ClassWeights class_weights(const Rule& rule, const std::vector<Index>& pixels) {
  ClassWeights result;
  if (rule == "none") return result;
  if (rule == "auto") {
    const ClassCounts counts(pixels);
    for (const Index k : counts.absent())
      result.warnings.push_back(message("no pixel is of class ", k, ", its weight is 1"));
    result.weights = counts.weights();
    return result;
  }
  for (std::string_view rest = rule, word; !rest.empty(); rest.remove_prefix(std::min(word.size() + 1, rest.size()))) {
    word = rest.substr(0, rest.find(','));
    const auto first = std::min(word.find_first_not_of(" \t"), word.size());
    const std::string_view number = word.substr(first, word.find_last_not_of(" \t") + 1 - first);
    double weight = 0;
    const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), weight);
    const bool read = error == std::errc{} && end == number.data() + number.size();
    check<ValueError>(read && std::isfinite(weight) && weight > 0, "class_weights", "'", word, "' in '", rule,
                      "' is not a positive number; expected auto, none, or a weight for each class");
    result.weights.push_back(weight);
  }
  check<ValueError>(result.weights.size() == pixels.size(), "class_weights", "'", rule, "' gives ",
                    result.weights.size(), " weights, there are ", pixels.size(), " classes");
  return result;
}

}  // namespace paser::data
#include "paser/core/macros_on.inc"
