#pragma once
#include "paser/core/macros_off.inc"

#include <algorithm>
#include <functional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "paser/core/error.hpp"
#include "paser/core/finite.hpp"
#include "paser/core/text.hpp"

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

/// The rule of named().
struct Named {
  std::vector<std::string> paths;

  /// Whether a parameter is this one, or one of this module.
  static bool within(const std::string& path, const ParameterInfo& p) {
    return p.name.starts_with(path) && (p.name.size() == path.size() || p.name[path.size()] == '.');
  }

  bool operator()(const ParameterInfo& p) const {
    return std::any_of(paths.begin(), paths.end(), [&p](const std::string& path) { return within(path, p); });
  }
};

/// Takes the parameters of these modules, or these parameters, by their paths. Each must be there: an optimizer that is
/// bound to a model without one throws ValueError. Tied weights go by the first of their names.
inline Named named(std::vector<std::string> paths) {
  return {std::move(paths)};
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

/// Throws ValueError that a rule names what none of these parameters is or belongs to.
[[noreturn]] inline void refuse_path(const std::string& path, const std::vector<ParameterInfo>& parameters) {
  std::set<std::string> known;
  std::string outermost;
  for (const ParameterInfo& p : parameters)
    for (std::size_t dot = 0; dot != std::string::npos;) {
      const bool outer = dot == 0;
      dot = p.name.find('.', dot + 1);
      const std::string name = p.name.substr(0, dot);
      if (known.insert(name).second && outer) outermost += (outermost.empty() ? "" : ", ") + name;
    }
  const std::string near = suggestion(path, {known.begin(), known.end()});
  throw ValueError(message("ParameterGroup: '", excerpt(path), "' names no parameter or module of the model",
                           near.empty() ? "." : near, " It has: ", outermost));
}

/// Throws ValueError when a rule names what is not there: a name that is spelt wrong would leave the group empty, and
/// its parameters trained as all others. A rule by kind may take nothing: not every model has norms.
inline void check_names(const ParameterGroups& groups, const std::vector<ParameterInfo>& parameters) {
  for (const ParameterGroup& group : groups)
    if (const Named* const rule = group.takes.target<Named>())
      for (const std::string& path : rule->paths)
        if (std::none_of(parameters.begin(), parameters.end(), [&](const auto& p) { return Named::within(path, p); }))
          refuse_path(path, parameters);
}

inline void check_groups(const ParameterGroups& groups) {
  for (const ParameterGroup& group : groups)
    check<ValueError>(group.takes && is_finite_from_0(group.learning_rate) && is_finite_from_0(group.weight_decay),
                      "ParameterGroup",
                      "expected a rule of what it takes, and factors that are finite and not negative, got ",
                      value_text(group.learning_rate), " for the learning rate and ", value_text(group.weight_decay),
                      " for weight decay");
}

}  // namespace detail

}  // namespace paser::optim
#include "paser/core/macros_on.inc"
