#pragma once
#include "paser/core/macros_off.inc"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <string>
#include <string_view>
#include <vector>

#include "paser/core/finite.hpp"
#include "paser/ops/class_counts.hpp"

namespace paser::data {

/// Weights of classes for a cross entropy, and what was remarkable about them.
struct ClassWeights {
  std::vector<double> weights;  ///< one per class; empty: all one
  std::vector<std::string> warnings;
};

/// Class weights by a rule from a command line or a configuration:
///
///   none         all one
///   auto         one minus the class's share in the pixels: the paper's rule. An absent class weighs 1, with a
///   warning. 0.9,0.8,0.3  as given, one positive number per class
///
/// `pixels` are those of each class. Throws ValueError on another rule, another number of weights than classes, when no
/// pixel counts, and when by `auto` none has a weight: all pixels are of one class. A class of more than 99 % of the
/// pixels by `auto`, and a set of one class by the other rules, are worth a warning.
template <class Rule = std::string>
ClassWeights class_weights(const Rule& rule, const std::vector<Index>& pixels) {
  ClassWeights result;
  const ClassCounts counts(pixels);
  const std::vector<Index> absent = counts.absent();
  check<ValueError>(absent.size() < pixels.size(), "class_weights",
                    "no pixel of the training images counts: there is nothing to learn");
  const bool one = absent.size() + 1 == pixels.size();
  const auto only = std::find_if(pixels.begin(), pixels.end(), [](Index n) { return n > 0; }) - pixels.begin();
  check<ValueError>(!one || rule != "auto", "class_weights", "all pixels of the training images are of class ", only,
                    ", whose weight by the rule auto, one minus its share, is 0: nothing can be learned from them");
  if (one)
    result.warnings.push_back(message("all pixels of the training images are of class ", only,
                                      ": nothing can be learned but to answer it everywhere"));
  if (rule == "none") return result;
  if (rule == "auto") {
    for (const Index k : absent) result.warnings.push_back(message("no pixel is of class ", k, ", its weight is 1"));
    result.weights = counts.weights();
    for (std::size_t k = 0; k < result.weights.size(); ++k)
      if (result.weights[k] < 0.01)
        result.warnings.push_back(message("class ", k, " has ", 100 * (1 - result.weights[k]),
                                          " % of the pixels, its weight is ", result.weights[k],
                                          ": errors on it hardly count"));
    return result;
  }
  const std::string_view all = rule;
  for (std::size_t begin = 0, comma = 0; begin <= all.size(); begin = comma + 1) {
    comma = std::min(all.find(',', begin), all.size());
    const std::string_view word = all.substr(begin, comma - begin);
    const auto first = std::min(word.find_first_not_of(" \t"), word.size());
    const std::string_view number = word.substr(first, word.find_last_not_of(" \t") + 1 - first);
    double weight = 0;
    const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), weight);
    const bool read = error == std::errc{} && end == number.data() + number.size();
    const auto used = static_cast<float>(weight);  // what the loss multiplies by
    check<ValueError>(read && is_finite(used) && used > 0, "class_weights", "'", word, "' in '", rule,
                      "' is not a positive number that a float holds; expected auto, none, or a weight for each class");
    result.weights.push_back(weight);
  }
  check<ValueError>(result.weights.size() == pixels.size(), "class_weights", "'", rule, "' gives ",
                    result.weights.size(), " weights, there are ", pixels.size(), " classes");
  return result;
}

}  // namespace paser::data
#include "paser/core/macros_on.inc"
