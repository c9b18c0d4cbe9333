#pragma once
#include "paser/core/macros_off.inc"

#include <algorithm>
#include <cmath>
#include <string>

#include "paser/core/finite.hpp"
#include "paser/pipeline/work.hpp"

namespace paser::pipeline {

/// What each kind of work took on one machine, in milliseconds; report::measure_costs measures it. Multiply-accumulates
/// do not tell it: a few patches use the threads and the memory less well than many.
struct MachineCosts {
  std::string processor{};
  int threads = 0;
  bool busy = false;           ///< other programs had the processors for so long that the times say little
  double estimate = 0;         ///< the estimator on one image
  double decide = 0;           ///< the patches' statistics and the policy on one image
  double coarse = 0;           ///< one pass of the coarse model on one image
  std::vector<Index> batch{};  ///< rising: how many patches were run together
  std::vector<std::vector<double>> patch{};  ///< [model][i]: per patch when batch[i] run together; model 0's is empty

  Index models() const { return static_cast<Index>(patch.size()); }  ///< The networks that were measured.

  /// Milliseconds per patch of model k > 0 when so many run together: linear in the logarithm of their number, constant
  /// outside of what was measured. Throws ValueError when the model was not measured.
  double patch_ms(Index model, Index together) const {
    check<ValueError>(model >= 1 && model < models(), "MachineCosts", "there are no times of model ", model,
                      ", expected 1 .. ", models() - 1);
    check<ValueError>(together >= 1, "MachineCosts", together, " patches together, expected 1 or more");
    const std::vector<double>& ms = patch[static_cast<std::size_t>(model)];
    check<ValueError>(!ms.empty() && ms.size() == batch.size(), "MachineCosts", ms.size(), " times of model ", model,
                      " for ", batch.size(), " numbers of patches");
    const auto above = std::lower_bound(batch.begin(), batch.end(), together);
    if (above == batch.begin()) return ms.front();
    if (above == batch.end()) return ms.back();
    const auto i = static_cast<std::size_t>(above - batch.begin());
    const auto log2_of = [](Index n) { return std::log2(static_cast<double>(n)); };
    const double share = (log2_of(together) - log2_of(batch[i - 1])) / (log2_of(batch[i]) - log2_of(batch[i - 1]));
    return ms[i - 1] + share * (ms[i] - ms[i - 1]);
  }
};

/// The costs in milliseconds where so many patches of a model run together. Throws as MachineCosts::patch_ms.
inline WorkCosts work_costs(const MachineCosts& machine, Index together) {
  WorkCosts costs{.estimate = machine.estimate, .decide = machine.decide, .coarse = machine.coarse, .patch = {0}};
  for (Index k = 1; k < machine.models(); ++k) costs.patch.push_back(machine.patch_ms(k, together));
  return costs;
}

/// Throws E unless the times are finite, none is negative, and there is one for each number of patches.
template <class E>
void check_machine_costs(const MachineCosts& m, const char* where = "MachineCosts") {
  const auto check_time = [where](double ms, const char* of) {
    check<E>(is_finite(ms) && ms >= 0, where, "the time of ", of, " is ", ms, " ms, expected 0 or more");
  };
  check<E>(m.threads >= 1, where, "the times are of ", m.threads, " threads, expected 1 or more");
  check_time(m.estimate, "the estimator");
  check_time(m.decide, "the policy");
  check_time(m.coarse, "the coarse model");
  for (std::size_t i = 0; i < m.batch.size(); ++i)
    check<E>(m.batch[i] >= 1 && (i == 0 || m.batch[i] > m.batch[i - 1]), where, "the numbers of patches have ",
             m.batch[i], " at place ", i, ", expected positive numbers that rise");
  check<E>(!m.patch.empty() && m.patch[0].empty(), where,
           "expected one list of times for each model, that of the coarse model empty");
  for (std::size_t k = 1; k < m.patch.size(); ++k) {
    check<E>(!m.batch.empty() && m.patch[k].size() == m.batch.size(), where, m.patch[k].size(), " times of model ", k,
             " for ", m.batch.size(), " numbers of patches, expected as many and at least one");
    for (const double ms : m.patch[k]) check_time(ms, "a patch");
  }
}

/// For nlohmann::json. Throws ValueError when the costs do not pass check_machine_costs.
template <class Json>
void to_json(Json& j, const MachineCosts& m) {
  check_machine_costs<ValueError>(m);
  j = {{"processor", m.processor}, {"threads", m.threads},  {"busy", m.busy},   {"estimate_ms", m.estimate},
       {"decide_ms", m.decide},    {"coarse_ms", m.coarse}, {"batch", m.batch}, {"patch_ms", m.patch}};
}
/// Throws FormatError when what is read does not pass check_machine_costs, and what the library throws about types.
template <class Json>
void from_json(const Json& j, MachineCosts& m) {
  j.at("processor").get_to(m.processor);
  const auto whole = [](const Json& n, const char* what) {
    constexpr int most = 1'000'000'000;
    check<FormatError>(n.is_number_integer() && n >= -most && n <= most, "MachineCosts", what, " is ", n.dump(),
                       ", expected a whole number of 1 .. ", most);
    return n.template get<Index>();
  };
  m.threads = static_cast<int>(whole(j.at("threads"), "threads"));
  j.at("busy").get_to(m.busy);
  j.at("estimate_ms").get_to(m.estimate);
  j.at("decide_ms").get_to(m.decide);
  j.at("coarse_ms").get_to(m.coarse);
  check<FormatError>(j.at("batch").is_array(), "MachineCosts", "batch is no list");
  m.batch.clear();
  for (const Json& count : j.at("batch")) m.batch.push_back(whole(count, "a number of patches in batch"));
  j.at("patch_ms").get_to(m.patch);
  check_machine_costs<FormatError>(m);
}

}  // namespace paser::pipeline
#include "paser/core/macros_on.inc"
