#pragma once
#include "paser/core/macros_off.inc"

#include <array>
#include <atomic>
#include <functional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "paser/core/finite.hpp"
#include "paser/core/parallel.hpp"
#include "paser/kernels/elementwise.hpp"
#include "paser/nn/visit.hpp"
#include "paser/optim/parameter_groups.hpp"

/// Optimizers: the only code that writes a trained parameter.
namespace paser::optim {

/// Walks a model and updates each parameter that took part in the gradients by a rule (Adam, SGD); parameters that took
/// no part stay as they are, as PyTorch skips those without a gradient, and tied weights are one parameter. Also writes
/// the buffers' next values, so one step is all that a training step changes.
///
/// An optimizer is a module of its own: visit names its state, "<parameter>.<slot>" and "<parameter>.step", so that
/// checkpoints store and load it as they do a model. Bind it to the model before loading.
template <class T, class Rule>
class Optimizer {
 public:
  using Scalar = T;
  using Options = typename Rule::Options;  ///< The settings of the rule.

  /// Throws ValueError on options, or factors of groups, out of range.
  explicit Optimizer(const Options& options, ParameterGroups groups = {}) : rule_{options}, groups_(std::move(groups)) {
    rule_.check_options();
    detail::check_groups(groups_);
  }

  const Options& options() const { return rule_.options; }              ///< The settings.
  double learning_rate() const { return rule_.options.learning_rate; }  ///< The rate of the next step.
  /// Schedules set it before each step or epoch. Throws ValueError when it is negative or not finite.
  void set_learning_rate(double rate) {
    check<ValueError>(is_finite_from_0(rate), "Optimizer", "the learning rate must be finite and not negative, got ",
                      value_text(rate));
    rule_.options.learning_rate = rate;
  }

  /// Makes the state of every parameter of the model, zero; does nothing when it is there already. Throws ShapeError
  /// when the state belongs to a model of other parameters, ValueError when two of them have one path, by which the
  /// state could not be stored, or a group names what the model does not have.
  template <class Model>
  void bind(const Model& model) {
    std::vector<State> made;
    std::vector<ParameterInfo> parameters;
    std::set<std::string> names;
    std::size_t number = 0;
    nn::walk_parameters(model, [&](const std::string& path, const auto& p) {
      constexpr int rank = std::remove_cvref_t<decltype(p.value)>::rank;
      if (states_.empty()) {
        check<ValueError>(names.insert(path).second, "Optimizer", "two parameters are called '", path,
                          "', expected one name each; the elements of a list 'down' are 'down1', 'down2', ...");
        parameters.push_back({path, rank});
      }
      meet({path, rank}, p.value.numel(), made, number);
    });
    if (states_.empty()) {
      detail::check_names(groups_, parameters);
      states_ = std::move(made);
    }
    check(number == states_.size(), "Optimizer", "its state is that of another model: ", states_.size(),
          " parameters instead of ", number);
  }

  /// One update, all or nothing but for numbers that are not finite: what else throws, throws before anything is
  /// changed. Throws ValueError when the gradients are of another model object than this one; ShapeError when its
  /// sizes have changed since; NotFiniteError when a gradient, a buffer's next value, or a parameter afterwards is not
  /// finite; model and optimizer are then spoilt: go back to a state that was saved. Of the optimizer's own state that
  /// is found at its first and at every 16th step, and when it is saved.
  template <class Model>
  void step(Model& model, const Gradients<T>& gradients) {
    bind(model);
    Index matched = 0;
    nn::walk(model, [&](const std::string&, auto& member) { matched += is_of(gradients, member) ? 1 : 0; });
    check<ValueError>(matched > 0 || gradients.empty(), "Optimizer::step",
                      "none of the gradients belongs to this model; gradients go with the very object that was run");
    std::vector<Update> updates;
    std::vector<std::function<void()>> buffers;
    std::size_t number = 0;
    nn::walk_once(model, [&](const std::string& path, auto& member) {
      if constexpr (nn::detail::is_parameter<std::remove_cvref_t<decltype(member)>>) {
        State& state = states_[number++];
        if (const Tensor<T, 1>* g = gradients.find(member)) {
          check_size("the gradient of ", path, g->numel(), state.size);
          updates.emplace_back(state, g->data(), member.value.mutable_data());
        }
      } else {
        if (const Tensor<T, 1>* next = gradients.next(member)) {
          check_size("the next value of ", path, next->numel(), member.value.numel());
          check_finite("Optimizer::step", next->numel(), next->data(), "the next value of ", path);
          buffers.push_back([&member, value = next->reshape(member.value.shape())] { member.value = value; });
        }
      }
    });
    for (const Update& u : updates) apply(u);
    for (const auto& write : buffers) write();
  }

  template <class Self, class F>
  static void visit(Self& self, F&& f) {
    for (auto& state : self.states_) {
      for (auto& [slot, buffer] : state.slots) f((state.name + "." + slot).c_str(), buffer);
      f((state.name + ".step").c_str(), state.step);
    }
  }

 private:
  static constexpr std::size_t most_slots = 2;

  /// What is remembered of one parameter. The step count is a tensor so that it is stored beside the others.
  struct State {
    std::string name;
    Index size;
    detail::GroupFactors factors;
    std::vector<std::pair<std::string, Buffer<T, 1>>> slots;
    Buffer<T, 1> step;
  };

  /// What an update reads and writes.
  struct Update {
    const State* state;
    T* count;
    const T* gradient;
    T* value;
    std::array<T*, most_slots> slots{};

    Update(State& of, const T* g, T* v) : state(&of), count(of.step.value.mutable_data()), gradient(g), value(v) {
      for (std::size_t i = 0; i < of.slots.size(); ++i) slots.at(i) = of.slots[i].second.value.mutable_data();
    }
  };

  /// Makes the state of a parameter, or looks whether it is there.
  void meet(const ParameterInfo& p, Index size, std::vector<State>& made, std::size_t& number) const {
    if (states_.empty()) {
      made.push_back(make_state(p, size));
    } else {
      check(number < states_.size() && states_[number].size == size && states_[number].name == p.name, "Optimizer",
            "its state is that of another model: it does not hold ", p.name, " of ", size, " values at place ", number);
    }
    ++number;
  }

  State make_state(const ParameterInfo& p, Index size) const {
    State state{p.name, size, {groups_, p}, {}, {Tensor<T, 1>::zeros({1})}};
    for (const char* slot : rule_.slots()) state.slots.emplace_back(slot, Buffer<T, 1>{Tensor<T, 1>::zeros({size})});
    return state;
  }

  /// A gradient knows its parameter by the address, at which another one may lie by now.
  static void check_size(const char* what, const std::string& path, Index size, Index expected) {
    check(size == expected, "Optimizer::step", what, path, " has ", size, " values, expected ", expected,
          "; the model was changed after it was run");
  }

  template <class Member>
  static bool is_of(const Gradients<T>& gradients, const Member& member) {
    if constexpr (nn::detail::is_parameter<Member>) {
      return gradients.find(member) != nullptr;
    } else {
      return false;
    }
  }

  /// In pieces, so that what is looked at after the update is in the cache. What a bad gradient does is seen in the
  /// values, but for one whose square alone is no number: that is left in a slot, and stops the parameter for good.
  void apply(const Update& u) {
    Rule rule = rule_;
    rule.options.learning_rate *= u.state->factors.learning_rate;
    rule.options.weight_decay *= u.state->factors.weight_decay;
    const double count = static_cast<double>(*u.count += T(1));
    std::atomic<bool> bad{false};
    const auto steps = static_cast<Index>(count);
    const bool look_at_slots = steps == 1 || steps % 16 == 0;
    parallel_for(u.state->size, kernels::grain, [&](Index begin, Index end) {
      const Index n = end - begin;
      auto slots = u.slots;
      for (T*& slot : slots)
        if (slot) slot += begin;
      rule.update(n, count, u.gradient + begin, u.value + begin, slots.data());
      if (first_non_finite(n, u.value + begin) < n) bad = true;
      for (const T* const slot : slots)
        if (look_at_slots && slot && first_non_finite(n, slot) < n) bad = true;
    });
    if (bad) [[unlikely]]
      refuse(*u.state, u.gradient, u.value);
  }

  /// Says what is not finite, the cause before the consequence.
  [[noreturn]] void refuse(const State& state, const T* gradient, const T* value) const {
    constexpr const char* where = "Optimizer::step";
    check_finite(where, state.size, gradient, "the gradient of ", state.name);
    for (const auto& [slot, buffer] : state.slots)
      check_finite(where, state.size, buffer.value.data(), state.name, ".", slot);
    check_finite(where, state.size, value, state.name, ", updated at the learning rate ", learning_rate(),
                 " (a smaller one may help),");
    throw NotFiniteError(message(where, ": ", state.name, " has become not finite"));
  }

  Rule rule_;
  ParameterGroups groups_;
  std::vector<State> states_;
};

}  // namespace paser::optim
#include "paser/core/macros_on.inc"
