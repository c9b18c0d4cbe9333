#pragma once
#include "paser/core/macros_off.inc"

#include <concepts>
#include <memory>
#include <optional>

#include "paser/core/typed_spec.hpp"
#include "paser/data/patches.hpp"
#include "paser/models/any_segmenter.hpp"
#include "paser/rl/categorical.hpp"

namespace paser::pipeline {

/// The model chosen for each patch: (N, P), 0 for the coarse model.
using Actions = rl::Actions;

/// What is known about the patches of some images before a model is paid for them.
template <class T>
struct PolicyState {
  /// (N, H, W, 2): label and entropy in nats of the coarse model's prediction. Empty for a policy that reads none.
  Tensor<T, 4> map{};
  /// (N, P, F): what the coarse model's prediction says of each patch, see uncertainty::patch_statistics. Empty for a
  /// policy that reads none.
  Tensor<T, 3> statistics{};
  ImageIds ids{};          ///< N; empty where nothing is drawn
  data::PatchGrid grid{};  ///< P = grid.patches()
  Index models = 0;        ///< to choose from

  /// Who has answered each patch so far, (N, P), and the mean entropy of that answer in nats, N * P values, image after
  /// image. Only for a policy that is asked again.
  Actions answered_by{};
  std::vector<double> doubt{};

  /// Images of the batch.
  Index images() const {
    return !map.empty()          ? map.shape().n()
           : !statistics.empty() ? statistics.shape()[0]
                                 : static_cast<Index>(ids.size());
  }
  Shape<2> shape() const { return {images(), grid.patches()}; }  ///< (N, P): what the choice has an action for.
};

/// What decides which model gets a patch.
///   choose(state, key)  a model for each patch, (N, P); draws depend on the key and the image's number alone
///   spec()              its type and settings, for files
/// and, where they apply:
///   static constexpr bool reads_prediction = false;  no prediction of the coarse model is made for it
///   static constexpr bool reads_statistics = true;   of the prediction it reads the patches' statistics, not the map
///   static constexpr bool asks_again = true;         called after every answer, until it changes nothing
///   probabilities(state)       its distribution over the models
///   record(ctx, state)         the logits of that distribution on a tape, (N, P * models): it can be trained by
///   gradient operations(state's shape)  what choosing takes, on maps (N, H, W) visit()                    its weights
template <class P, class T>
concept PolicyFor = std::copyable<P> && requires(const P& policy, const PolicyState<T>& state, Key key) {
  { policy.choose(state, key) } -> std::same_as<Actions>;
  { policy.spec() } -> std::same_as<TypedSpec>;
};

/// Any policy, its type forgotten. Itself a module: optimizers and checkpoints walk the weights inside.
template <class T = float>
class Policy {
 public:
  using Scalar = T;

  // Whether P is a Policy is asked first, or clang++ 14 never ends to ask whether one can be copied.
  template <class P>
  requires(!std::same_as<std::remove_cvref_t<P>, Policy> && PolicyFor<P, T>) Policy(P policy)
      : holder_(std::make_unique<Holder<P>>(std::move(policy))) {}
  /// Throws ValueError when the policy names a model that is not there, ShapeError when it does not answer every patch.
  Actions choose(const PolicyState<T>& state, Key key) const {
    Actions actions = holder_->choose(state, key);
    check(actions.shape() == state.shape(), "Policy", "the policy chose for ", actions.shape(), " patches, expected ",
          state.shape());
    for (const std::int32_t a : actions.values())
      check<ValueError>(a >= 0 && a < state.models, "Policy", "the policy chose model ", a, ", there are ",
                        state.models);
    return actions;
  }

  bool reads_prediction() const { return holder_->reads_prediction(); }
  bool reads_statistics() const { return holder_->reads_statistics(); }
  bool asks_again() const { return holder_->asks_again(); }

  /// One distribution over the models for each patch. Throws ValueError when the policy has none.
  rl::Categorical<T> probabilities(const PolicyState<T>& state) const { return holder_->probabilities(state); }

  /// The logits of that distribution, (N, P * models), on the tape of `ctx`. Throws ValueError when it cannot be
  /// trained by gradient.
  Var<T, 2> record(TapeContext<T>& ctx, const PolicyState<T>& state) const { return holder_->record(ctx, state); }

  /// What choosing takes, on the state of images (N, H, W).
  Operations operations(const Shape<3>& images) const { return holder_->operations(images); }

  TypedSpec spec() const { return holder_->spec(); }

  /// The policy inside, if it is a P.
  template <class P>
  const P* as() const {
    const auto* holder = dynamic_cast<const Holder<P>*>(holder_.get());
    return holder ? &holder->policy : nullptr;
  }
  template <class P>
  P* as() {
    return const_cast<P*>(std::as_const(*this).template as<P>());
  }

  template <class Self, class F>
  static void visit(Self& self, F&& f) {
    nn::visit_erased<T, Self>(self.holder_, f);
  }

 private:
  struct Base {
    virtual ~Base() = default;
    virtual std::unique_ptr<Base> clone() const = 0;
    virtual Actions choose(const PolicyState<T>& state, Key key) const = 0;
    virtual bool reads_prediction() const = 0;
    virtual bool reads_statistics() const = 0;
    virtual bool asks_again() const = 0;
    virtual rl::Categorical<T> probabilities(const PolicyState<T>& state) const = 0;
    virtual Var<T, 2> record(TapeContext<T>& ctx, const PolicyState<T>& state) const = 0;
    virtual Operations operations(const Shape<3>& images) const = 0;
    virtual TypedSpec spec() const = 0;
    virtual void visit(nn::MemberVisitor<T>& visitor) = 0;
  };

  template <class P>
  struct Holder final : Base {
    P policy;
    static constexpr bool reads = [] {
      if constexpr (requires { P::reads_prediction; }) return P::reads_prediction;
      return true;
    }();
    static constexpr bool pooled = [] {
      if constexpr (requires { P::reads_statistics; }) return P::reads_statistics;
      return false;
    }();
    static constexpr bool again = [] {
      if constexpr (requires { P::asks_again; }) return P::asks_again;
      return false;
    }();
    static_assert(reads || !again, "Policy: a policy that is asked again after every answer must read the prediction");

    explicit Holder(P p) : policy(std::move(p)) {}
    std::unique_ptr<Base> clone() const override { return std::make_unique<Holder>(policy); }
    Actions choose(const PolicyState<T>& state, Key key) const override { return policy.choose(state, key); }
    bool reads_prediction() const override { return reads; }
    bool reads_statistics() const override { return pooled; }
    bool asks_again() const override { return again; }
    rl::Categorical<T> probabilities(const PolicyState<T>& state) const override {
      if constexpr (requires { policy.probabilities(state); })
        return policy.probabilities(state);
      else
        throw ValueError("Policy: a policy of type '" + spec().type + "' has no distribution over the models");
    }
    Var<T, 2> record(TapeContext<T>& ctx, const PolicyState<T>& state) const override {
      if constexpr (requires { policy.record(ctx, state); })
        return policy.record(ctx, state);
      else
        throw ValueError("Policy: a policy of type '" + spec().type + "' cannot be trained by gradient");
    }
    Operations operations(const Shape<3>& images) const override {
      if constexpr (requires { policy.operations(images); })
        return policy.operations(images);
      else
        return {};
    }
    TypedSpec spec() const override { return policy.spec(); }
    void visit(nn::MemberVisitor<T>& visitor) override { nn::show_members(policy, visitor); }
  };

  nn::Cloned<Base> holder_;
};

}  // namespace paser::pipeline
#include "paser/core/macros_on.inc"
