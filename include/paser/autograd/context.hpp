#pragma once
#include "paser/core/macros_off.inc"

#include <concepts>
#include <functional>
#include <map>
#include <utility>
#include <vector>

#include "paser/autograd/parameter.hpp"
#include "paser/autograd/tape.hpp"
#include "paser/core/finite.hpp"
#include "paser/core/float_state.hpp"
#include "paser/core/random.hpp"

namespace paser {

template <class T>
class FilterCache;

/// What varies between runs of one model.
struct Mode {
  bool dropout = false;           ///< dropout layers drop
  bool batch_statistics = false;  ///< batch norm normalises by the batch and updates its running statistics
  /// So many consecutive images have common batch statistics, a "ghost batch" (Hoffer, Hubara and Soudry 2017),
  /// whatever runs together with them. 0: all images that run together, which then must be the whole batch.
  Index ghost_batch = 0;
};

namespace run {
/// Nothing random, statistics from training: what a trained network is used with.
inline constexpr Mode inference{.dropout = false, .batch_statistics = false};
/// Dropout draws, batch norms use their batch and keep its statistics.
inline constexpr Mode training{.dropout = true, .batch_statistics = true};
/// Noise on, statistics frozen: the samples of MC dropout never disturb a normalisation layer.
inline constexpr Mode mc_dropout{.dropout = true, .batch_statistics = false};
/// Training in which batch norm normalises by its running statistics and leaves them as they are.
inline constexpr Mode frozen_statistics{.dropout = true, .batch_statistics = false};
}  // namespace run

/// The images of a batch that a run computes, begin .. end-1 of `batch`, where a step is made of several runs.
struct BatchPart {
  Index begin = 0, end = 0, batch = 0;

  /// Also when nothing has been said.
  bool whole() const { return begin == 0 && end == batch; }
};

/// Where the masks of the dropout layers come from, if not from random keys: called with the number of the dropout in
/// this run (0, 1, ... in forward order) and the shape; element 0 drops, 1 keeps. For reproducing masks of another
/// program.
template <class T>
using MaskSource = std::function<Tensor<T, 4>(int call, const Shape<4>& shape)>;

/// The part of a run that does not depend on whether it is recorded.
template <class T>
class RunContext {
 public:
  using Scalar = T;

  Mode mode;
  /// Stream of the whole run.
  Key key;
  /// One key for each image of the batch. Empty: image n uses key.fold(n). Give explicit keys (say, of the image's
  /// number in the data set) so that the noise on an image does not depend on its place in the batch.
  std::vector<Key> sample_keys;
  MaskSource<T> masks;
  /// Tells layers that look at several images whether they see all of them.
  BatchPart part;

  explicit RunContext(Mode m = run::inference, Key k = {}) : mode(m), key(k) {}

  /// Numbers the dropout layers of a run in forward order.
  int next_dropout() { return dropouts_++; }

  /// The keys of dropout number `call` for a batch of `n` images.
  std::vector<Key> dropout_keys(int call, Index n) const {
    check(sample_keys.empty() || static_cast<Index>(sample_keys.size()) == n, "Context", sample_keys.size(),
          " sample keys for a batch of ", n);
    std::vector<Key> keys(static_cast<std::size_t>(n));
    for (std::size_t i = 0; i < keys.size(); ++i)
      keys[i] = (sample_keys.empty() ? key.fold(i) : sample_keys[i]).fold(static_cast<std::uint64_t>(call));
    return keys;
  }

 private:
  int dropouts_ = 0;
};

/// A run that only computes: values are Tensors, nothing is recorded.
template <class T>
class EvalContext : public RunContext<T> {
 public:
  /// What layers take and return in this context.
  template <int Rank>
  using Value = Tensor<T, Rank>;
  using RunContext<T>::RunContext;

  /// Where convolutions keep their transformed weights from run to run; null: nowhere. For a model that is not being
  /// trained meanwhile.
  FilterCache<T>* filters = nullptr;

  template <int Rank>
  const Tensor<T, Rank>& operator()(const Parameter<T, Rank>& p) const {
    return p.value;
  }
  /// Data, which has no gradient.
  template <int Rank>
  Tensor<T, Rank> constant(Tensor<T, Rank> x) const {
    return x;
  }
  /// What a layer reads running statistics from.
  template <int Rank>
  const Tensor<T, Rank>& current(const Buffer<T, Rank>& b) const {
    return b.value;
  }
  /// Running statistics are only written after a training step: dropped here.
  template <int Rank>
  void update(const Buffer<T, Rank>&, const Tensor<T, Rank>&, double = 1) {}
};

/// The derivative of a loss with respect to every parameter that took part, and the next values of the buffers.
/// Entries are keyed by the parameter object, so a model must stay where it is until the step is done.
template <class T>
class Gradients {
 public:
  /// Zeros when the parameter took no part.
  template <int Rank>
  Tensor<T, Rank> of(const Parameter<T, Rank>& p) const {
    const auto* g = find(p);
    return g ? g->reshape(p.value.shape()) : Tensor<T, Rank>::zeros(p.value.shape());
  }

  /// The flat gradient, or null when the parameter took no part.
  template <int Rank>
  const Tensor<T, 1>* find(const Parameter<T, Rank>& p) const {
    const auto found = parameters_.find(&p);
    return found == parameters_.end() ? nullptr : &found->second;
  }
  /// The same of a parameter, or the next value of a buffer, by its address.
  const Tensor<T, 1>* find(const void* member) const {
    if (const auto found = parameters_.find(member); found != parameters_.end()) return &found->second;
    const auto found = buffers_.find(member);
    return found == buffers_.end() ? nullptr : &found->second.value;
  }
  /// Takes it out; empty when there is none.
  Tensor<T, 1> take(const void* member) {
    if (const auto parameter = parameters_.extract(member)) return std::move(parameter.mapped());
    if (const auto buffer = buffers_.extract(member)) return std::move(buffer.mapped().value);
    return {};
  }
  /// 0 when there is no value of this parameter or buffer, else 1, or the weight of the buffer's next value.
  double weight(const void* member) const {
    if (parameters_.contains(member)) return 1;
    const auto found = buffers_.find(member);
    return found == buffers_.end() ? 0 : found->second.weight;
  }

  /// The flat next value of a buffer, or null.
  template <int Rank>
  const Tensor<T, 1>* next(const Buffer<T, Rank>& b) const {
    const auto found = buffers_.find(&b);
    return found == buffers_.end() ? nullptr : &found->second.value;
  }

  /// Sums the gradients of two parts of a batch. The next value of a buffer is the mean of those of the parts by their
  /// weights, so a moving average moves once per step, and by the mean of what the parts have seen.
  Gradients& operator+=(const Gradients& other) {
    const FlushDenormals flush;
    for (const auto& [p, g] : other.parameters_) add(p, g);
    for (const auto& [b, next] : other.buffers_) {
      const auto [place, is_first] = buffers_.try_emplace(b, next);
      if (!is_first) place->second.average(next);
    }
    return *this;
  }

  bool empty() const { return parameters_.empty(); }  ///< Whether no parameter has a gradient.

  /// Moves n values of a buffer towards others, by the others' share in the weight of both.
  static void average(Index n, const T* others, double share, T* values) {
    for (Index i = 0; i < n; ++i) {
      const auto mine = static_cast<double>(values[i]), other = static_cast<double>(others[i]);
      values[i] = static_cast<T>(mine + (other - mine) * share);
    }
  }

  /// Adds to the gradient of the parameter that stands at this address.
  void add(const void* parameter, const Tensor<T, 1>& g) {
    auto& sum = parameters_[parameter];
    if (sum.empty()) {
      sum = g;
    } else {
      kernels::accumulate(g.numel(), g.data(), sum.mutable_data());
    }
  }
  /// `weight`, which must be positive, is that of this value in a mean over parts: the images that it was made from.
  void set_next(const void* buffer, Tensor<T, 1> value, double weight = 1) {
    check<ValueError>(weight > 0, "Gradients", "the weight of a buffer's next value must be positive, got ", weight);
    buffers_[buffer] = {std::move(value), weight};
  }

 private:
  /// The next value of a buffer.
  struct Next {
    Tensor<T, 1> value;
    double weight = 1;

    void average(const Next& other) {
      check_same_shape("Gradients", value, other.value);
      weight += other.weight;
      Gradients::average(value.numel(), other.value.data(), other.weight / weight, value.mutable_data());
    }
  };

  std::map<const void*, Tensor<T, 1>> parameters_;
  std::map<const void*, Next> buffers_;
};

/// A run that records: values are Vars on the context's tape.
template <class T>
class TapeContext : public RunContext<T> {
 public:
  /// What layers take and return in this context.
  template <int Rank>
  using Value = Var<T, Rank>;
  using RunContext<T>::RunContext;

  /// The parameter's leaf; a parameter used twice has one leaf, so its gradients add up.
  template <int Rank>
  Var<T, Rank> operator()(const Parameter<T, Rank>& p) {
    auto found = leaves_.find(&p);
    if (found == leaves_.end())
      found = leaves_.emplace(&p, tape_.variable(p.value.reshape(Shape<1>{p.value.numel()}))).first;
    if (FiniteWatch* const watch = FiniteWatch::current()) [[unlikely]]
      watch->read(&p, tape_.place(found->second), p.value.numel(), p.value.data());
    return tape_.alias(found->second, p.value);
  }

  /// Data: never differentiated.
  template <int Rank>
  Var<T, Rank> constant(Tensor<T, Rank> x) const {
    return Var<T, Rank>(std::move(x));
  }

  /// The value of a buffer, or the next one where this run has made it: a layer that is applied again goes on from what
  /// it has made of the first call.
  template <int Rank>
  Tensor<T, Rank> current(const Buffer<T, Rank>& b) const {
    const Tensor<T, 1>* const next = updates_.next(b);
    return next == nullptr ? b.value : next->reshape(b.value.shape());
  }

  /// Remembers the next value of a buffer, with its weight in a mean over parts of the batch; Optimizer::step writes
  /// it.
  template <int Rank>
  void update(const Buffer<T, Rank>& b, const Tensor<T, Rank>& next, double weight = 1) {
    updates_.set_next(&b, next.reshape(Shape<1>{next.numel()}), weight);
  }

  Tape<T>& tape() { return tape_; }  ///< What the operations are recorded on.

  /// Walks the tape back from `output` and collects the gradients of the parameters that it depends on. One that was
  /// only read has none, rather than zeros: an optimizer's weight decay and momentum would move it.
  template <int Rank>
  Gradients<T> backward(const Var<T, Rank>& output, const Tensor<T, Rank>& seed) {
    const FlushDenormals flush;
    tape_.backward(output, seed);
    Gradients<T> gradients = std::move(updates_);
    for (const auto& [p, leaf] : leaves_)
      if (tape_.reached(leaf)) gradients.add(p, tape_.gradient(leaf));
    return gradients;
  }

 private:
  Tape<T> tape_;
  std::map<const void*, Var<T, 1>> leaves_;
  Gradients<T> updates_;
};

/// What a run gives to a layer: the type of its values, the value of a parameter or of data, where the next running
/// statistics go, and the keys of its dropouts.
template <class C>
concept Context = requires(C& ctx, const Parameter<typename C::Scalar, 1>& parameter,
                           const Buffer<typename C::Scalar, 1>& buffer, const Tensor<typename C::Scalar, 1>& data) {
  typename C::template Value<4>;
  { ctx(parameter) } -> std::convertible_to<typename C::template Value<1>>;
  { ctx.constant(data) } -> std::convertible_to<typename C::template Value<1>>;
  { ctx.current(buffer) } -> std::convertible_to<Tensor<typename C::Scalar, 1>>;
  ctx.update(buffer, data, 1.0);
  ctx.dropout_keys(ctx.next_dropout(), Index{1});
  { ctx.mode } -> std::convertible_to<Mode>;
};

/// The type that carries an image, (batch, height, width, channel), in a run: Tensor<T,4>, Var<T,4> or Counted<4>.
template <Context C>
using Image = typename C::template Value<4>;

/// A scalar loss and its derivatives.
template <class T>
struct ValueAndGradients {
  T value;
  Gradients<T> gradients;
};

/// Runs loss(ctx), which must return a Var<T,1> of one element, and differentiates it. Throws NotFiniteError when the
/// loss is not finite.
template <class T, class Loss>
ValueAndGradients<T> value_and_gradients(Mode mode, Key key, Loss&& loss) {
  const FlushDenormals flush;
  TapeContext<T> ctx(mode, key);
  const Var<T, 1> result = loss(ctx);
  check(result.value().numel() == 1, "value_and_gradients", "the loss has shape ", result.shape(), ", expected (1)");
  check_finite_value("value_and_gradients", result.value().data()[0], "the loss");
  return {result.value().data()[0], ctx.backward(result, Tensor<T, 1>::full({1}, T(1)))};
}

/// Applies a model without tape, noise or batch statistics. `filters` keeps transformed weights for further calls.
template <class Model, class T, int Rank>
auto infer(const Model& model, const Tensor<T, Rank>& x, FilterCache<T>* filters = nullptr) {
  const FlushDenormals flush;
  EvalContext<T> ctx(run::inference);
  ctx.filters = filters;
  return model(ctx, x);
}

}  // namespace paser
#include "paser/core/macros_on.inc"
