#pragma once
#include "paser/core/macros_off.inc"

#include <cstdint>
#include <functional>
#include <limits>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "paser/io/checkpoint.hpp"

namespace paser::pipeline {

namespace detail {

/// Reads a number of low .. high that a training has stored under a name, a whole one where Number is of such a type,
/// or a flag. Throws FormatError, which starts with `origin` and names the field, where it is missing or anything else.
template <class Json, class Number>
void read_stored(const Json& info, const std::string& origin, const std::string& name, Number& number,
                 Number low = std::numeric_limits<Number>::lowest(), Number high = std::numeric_limits<Number>::max()) {
  const auto found = info.find(name);
  const auto of_kind = [&] {
    if (found == info.end()) return false;
    if constexpr (std::is_same_v<Number, bool>)
      return found->is_boolean();
    else if constexpr (!std::is_integral_v<Number>)
      return found->is_number();
    else if (found->is_number_unsigned())
      return std::in_range<Number>(found->template get<std::uint64_t>());
    else
      return found->is_number_integer() && std::in_range<Number>(found->template get<std::int64_t>());
  };
  const Number read = of_kind() ? found->template get<Number>() : Number{};
  const char* const kind = std::is_integral_v<Number> ? "a whole number of " : "a number of ";
  check<FormatError>(of_kind() && read >= low && read <= high, origin.c_str(), "'", name, "' is ",
                     found == info.end() ? "missing" : excerpt(io::json_text(*found)), ", expected ",
                     std::is_same_v<Number, bool> ? "true or false" : message(kind, low, " .. ", high));
  number = read;
}

}  // namespace detail

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
                [name, &v](const io::Checkpoint& c) {
                  if constexpr (std::is_arithmetic_v<Value>) {
                    detail::read_stored(c.info, c.origin, name, v);
                  } else {
                    try {
                      c.info.at(name).get_to(v);
                    } catch (const nlohmann::json::exception& error) {
                      throw FormatError(message(c.origin, ": '", name, "': ", io::json_problem(error)));
                    }
                  }
                });
  }
  /// A number that is always one of low .. high.
  template <class Number>
  TrainingState& keep_value(std::string name, Number& v, std::type_identity_t<Number> low,
                            std::type_identity_t<Number> high) {
    return part(
        [name, &v](io::Checkpoint& c) { c.info[name] = v; },
        [name, &v, low, high](const io::Checkpoint& c) { detail::read_stored(c.info, c.origin, name, v, low, high); });
  }

  /// Saves and loads this tensor under the name, too.
  template <class T, int Rank>
  TrainingState& keep_tensor(std::string name, Tensor<T, Rank>& x) {
    return part([name, &x](io::Checkpoint& c) { c.tensors[name] = io::RawTensor::of(x); },
                [name, &x](const io::Checkpoint& c) {
                  const auto found = c.tensors.find(name);
                  check<FormatError>(found != c.tensors.end(), c.origin.c_str(), "the tensor '", name, "' is missing");
                  x = found->second.template as<T, Rank>();
                });
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
  /// Takes everything kept from the checkpoint. Throws as Checkpoint::get, and FormatError, naming the file and the
  /// field, on a number that is missing, of another kind or out of its range.
  void load(const io::Checkpoint& c) const {
    for (const auto& [save, load] : parts_) load(c);
  }

 private:
  std::vector<std::function<void(FiniteWatch&)>> names_;
  std::vector<std::pair<std::function<void(io::Checkpoint&)>, std::function<void(const io::Checkpoint&)>>> parts_;
};

/// The range of scores and sums that a training can have, far from where a double ends.
inline constexpr double most_scored = 1e9, most_summed = 1e30;
/// The range of what a training counts.
inline constexpr Index most_counted = Index{1} << 53;

/// The best of several states by a score of which more is better, the earlier of equals.
template <class State>
struct BestState {
  State state;
  double score = none;

  static constexpr double none = -1e30;  ///< The score of no state.

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
               [this](const io::Checkpoint& c) {
                 unimproved_ = 0;
                 if (c.info.contains("unimproved"))
                   detail::read_stored(c.info, c.origin, "unimproved", unimproved_, Index{0}, most_counted);
               });
  }

 private:
  Index patience_, unimproved_ = 0;
};

}  // namespace paser::pipeline
#include "paser/core/macros_on.inc"
