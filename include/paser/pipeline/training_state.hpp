#pragma once
#include "paser/core/macros_off.inc"

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "paser/io/checkpoint.hpp"

namespace paser::pipeline {

/// What a stage of training has to remember, named once and saved and loaded by that: references to modules (anything
/// with visit()) and to numbers, which must outlive it.
class TrainingState {
 public:
  /// Saves and loads this module under the name, too.
  template <class Module>
  TrainingState& keep(std::string name, Module& m) {
    names_.push_back([name, &m](FiniteWatch& watch) {
      nn::walk_parameters(
          m, [&watch](const std::string& path, const auto& p) { watch.name(&p, path); }, name);
    });
    return part([name, &m](io::Checkpoint& c) { c.put_if_any(name, m); },
                [name, &m](const io::Checkpoint& c) { c.get_if_any(name, m); });
  }

  /// Value: what JSON holds.
  template <class Value>
  TrainingState& keep_value(std::string name, Value& v) {
    return part([name, &v](io::Checkpoint& c) { c.info[name] = v; },
                [name, &v](const io::Checkpoint& c) { c.info.at(name).get_to(v); });
  }

  /// Saves and loads this tensor under the name, too.
  template <class T, int Rank>
  TrainingState& keep_tensor(std::string name, Tensor<T, Rank>& x) {
    return part([name, &x](io::Checkpoint& c) { c.tensors[name] = io::RawTensor::of(x); },
                [name, &x](const io::Checkpoint& c) { x = c.tensors.at(name).template as<T, Rank>(); });
  }

  /// Anything else.
  TrainingState& part(std::function<void(io::Checkpoint&)> save, std::function<void(const io::Checkpoint&)> load) {
    parts_.emplace_back(std::move(save), std::move(load));
    return *this;
  }

  /// Tells a watch what the parameters of the modules are called: the module's name and the path within.
  void name_parameters(FiniteWatch& watch) const {
    for (const auto& name : names_) name(watch);
  }

  /// Puts everything kept into the checkpoint.
  void save(io::Checkpoint& c) const {
    for (const auto& [save, load] : parts_) save(c);
  }
  /// Takes everything kept from the checkpoint. Throws as Checkpoint::get.
  void load(const io::Checkpoint& c) const {
    for (const auto& [save, load] : parts_) load(c);
  }

 private:
  std::vector<std::function<void(FiniteWatch&)>> names_;
  std::vector<std::pair<std::function<void(io::Checkpoint&)>, std::function<void(const io::Checkpoint&)>>> parts_;
};

/// The best of several states by a score of which more is better, the earlier of equals.
template <class State>
struct BestState {
  State state;
  double score = -1e30;

  /// Returns whether the candidate is better and was kept.
  bool offer(const State& candidate, double candidate_score) {
    if (!(candidate_score > score)) return false;
    state = candidate;
    score = candidate_score;
    return true;
  }
};

/// Early stopping: a stage is over once `patience` validations in a row were no better than the best before them
/// (Prechelt 1998, "Early stopping - but when?", UP with strips of one validation). Every process of a team sees the
/// same scores and decides alike.
class EarlyStop {
 public:
  /// patience 0: never. Throws ValueError when it is negative.
  explicit EarlyStop(Index patience) : patience_(patience) {
    check<ValueError>(patience >= 0, "early stopping", "patience ", patience,
                      ", expected a number of validations, or 0: never");
  }

  bool over() const { return patience_ > 0 && unimproved_ >= patience_; }  ///< Whether the stage is to end.

  /// Takes note of a validation. The one that ends the stage says so in its record; the text is for the note of a step.
  template <class Json>
  std::string saw(bool better, Json& record) {
    unimproved_ = better ? 0 : unimproved_ + 1;
    if (!over()) return {};
    const std::string text = message("no better in ", patience_, patience_ == 1 ? " validation" : " validations");
    record["early_stop"] = text + ": the stage is over, and its best state is kept";
    return ", " + text;
  }

  /// A state from before there was early stopping begins to count anew.
  void keep_in(TrainingState& state) {
    state.part([this](io::Checkpoint& c) { c.info["unimproved"] = unimproved_; },
               [this](const io::Checkpoint& c) { unimproved_ = c.info.value("unimproved", Index{0}); });
  }

 private:
  Index patience_, unimproved_ = 0;
};

}  // namespace paser::pipeline
#include "paser/core/macros_on.inc"
