#pragma once
#include "paser/core/macros_off.inc"

#include <map>

#include "paser/pipeline/policy.hpp"

/// Policies without a network: what a learned one is compared with.
namespace paser::pipeline {

/// Every patch to one model.
struct Constant {
  std::int32_t model = 0;

  static constexpr bool reads_prediction = false;
  template <class T>
  Actions choose(const PolicyState<T>& state, Key) const {
    return Actions::full(state.shape(), model);
  }
  TypedSpec spec() const { return {"constant", message("{\"model\": ", model, "}")}; }
};

/// Every patch to a model drawn uniformly, by the image's number.
struct Random {
  static constexpr bool reads_prediction = false;
  template <class T>
  Actions choose(const PolicyState<T>& state, Key key) const {
    Actions actions(state.shape());
    std::int32_t* out = actions.mutable_data();
    for (const std::uint64_t id : state.ids)
      for (Index p = 0; p < state.grid.patches(); ++p)
        *out++ = static_cast<std::int32_t>(key.fold(id).uniform_int(static_cast<std::uint64_t>(p), state.models));
    return actions;
  }
  TypedSpec spec() const { return {"random"}; }
};

/// Choices that were made beforehand, such as those by the truth: a bound that no policy without the truth can reach.
/// It reads the prediction, so that it pays for it as the policies do that it bounds. Cannot be made again from a file.
struct Oracle {
  std::map<std::uint64_t, std::vector<std::int32_t>> choices;  ///< of each image, by its number; one per patch

  /// Throws ValueError for an image without choices, ShapeError when they are not one per patch.
  template <class T>
  Actions choose(const PolicyState<T>& state, Key) const {
    Actions actions(state.shape());
    std::int32_t* out = actions.mutable_data();
    for (const std::uint64_t id : state.ids) {
      const auto found = choices.find(id);
      check<ValueError>(found != choices.end(), "Oracle", "there are no choices for image ", id);
      check(static_cast<Index>(found->second.size()) == state.grid.patches(), "Oracle", found->second.size(),
            " choices for image ", id, " of ", state.grid.patches(), " patches");
      out = std::copy(found->second.begin(), found->second.end(), out);
    }
    return actions;
  }
  TypedSpec spec() const { return {}; }
};

/// Thresholds of an IDK cascade ("I don't know"): a patch goes from model k to k + 1 when the mean entropy of k's
/// answer is above thresholds[k], in nats.
using Thresholds = std::vector<double>;

/// The IDK cascade: the coarse model answers by its prediction, the others without noise, each patch that is in doubt
/// by the next model.
struct EntropyThreshold {
  Thresholds thresholds;  ///< one for each model but the last

  static constexpr bool asks_again = true;
  /// Throws ValueError unless there is one threshold less than models.
  template <class T>
  Actions choose(const PolicyState<T>& state, Key) const {
    check<ValueError>(static_cast<Index>(thresholds.size()) + 1 == state.models, "EntropyThreshold", thresholds.size(),
                      " thresholds for ", state.models, " models");
    Actions actions = state.answered_by;
    std::int32_t* const next = actions.mutable_data();
    for (std::size_t i = 0; i < state.doubt.size(); ++i)
      if (const auto k = static_cast<std::size_t>(next[i]); k < thresholds.size() && state.doubt[i] > thresholds[k])
        ++next[i];
    return actions;
  }
  TypedSpec spec() const {
    std::string list;
    for (const double t : thresholds) list += (list.empty() ? "" : ", ") + exact_number(t);
    return {"entropy_threshold", "{\"thresholds\": [" + list + "]}"};
  }
};

}  // namespace paser::pipeline
#include "paser/core/macros_on.inc"
