#pragma once
#include "paser/core/macros_off.inc"

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "paser/core/error.hpp"

namespace paser::optim {

/// What a group of parameters is chosen by.
struct ParameterInfo {
  std::string name;  ///< its path in the model: "classifier.project.0.weight"
  int rank = 1;      ///< the number of its axes
};

/// Parameters that are trained at other rates than the optimizer's options say.
struct ParameterGroup {
  std::function<bool(const ParameterInfo&)> takes;
  double learning_rate = 1;  ///< factor of the option
  double weight_decay = 1;   ///< factor of the option
};

/// A parameter is in every group that takes it; their factors multiply.
///
///   optim::AdamW<float> adam(options, {{.takes = optim::named({"classifier"}), .learning_rate = 10},
///                                      {.takes = optim::is_vector, .weight_decay = 0}});
using ParameterGroups = std::vector<ParameterGroup>;

/// Takes the parameters of these modules, or these parameters, by their paths.
inline std::function<bool(const ParameterInfo&)> named(std::vector<std::string> paths) {
  return [paths = std::move(paths)](const ParameterInfo& p) {
    for (const std::string& path : paths)
      if (p.name.starts_with(path) && (p.name.size() == path.size() || p.name[path.size()] == '.')) return true;
    return false;
  };
}

/// Takes biases and the weights of norms, which have one axis; they are mostly trained without weight decay.
inline bool is_vector(const ParameterInfo& p) {
  return p.rank == 1;
}

namespace detail {

/// The product of the factors of all groups that take a parameter.
struct GroupFactors {
  double learning_rate = 1, weight_decay = 1;

  GroupFactors(const ParameterGroups& groups, const ParameterInfo& parameter) {
    for (const ParameterGroup& group : groups) {
      if (!group.takes(parameter)) continue;
      learning_rate *= group.learning_rate;
      weight_decay *= group.weight_decay;
    }
  }
};

inline void check_groups(const ParameterGroups& groups) {
  for (const ParameterGroup& group : groups)
    check<ValueError>(group.takes && group.learning_rate >= 0 && group.weight_decay >= 0, "ParameterGroup",
                      "expected a rule of what it takes, and factors that are not negative, got ", group.learning_rate,
                      " for the learning rate and ", group.weight_decay, " for weight decay");
}

}  // namespace detail

}  // namespace paser::optim
#include "paser/core/macros_on.inc"
