#pragma once
#include "paser/core/macros_off.inc"

#include <initializer_list>
#include <memory>
#include <type_traits>
#include <utility>
#include <vector>

#include "paser/autograd/finite_watch.hpp"
#include "paser/core/tensor.hpp"
#include "paser/kernels/elementwise.hpp"

namespace paser {

template <class T>
class Tape;

/// A tensor and its place on a tape. Ops on Vars compute the value and record how to differentiate it. A Var without a
/// place is a constant: nothing flows back into it.
template <class T, int Rank>
class Var {
 public:
  using Scalar = T;
  static constexpr int rank = Rank;

  /// A constant.
  Var(Tensor<T, Rank> value) : value_(std::move(value)) {}

  const Tensor<T, Rank>& value() const { return value_; }      ///< The tensor.
  const Shape<Rank>& shape() const { return value_.shape(); }  ///< The tensor's shape.
  bool is_constant() const { return tape_ == nullptr; }        ///< Whether no gradient flows into it.

  /// The value again, as a constant: gradients stop here (torch.Tensor.detach).
  Var detach() const { return Var(value_); }

 private:
  friend class Tape<T>;
  template <class>
  friend class Operand;

  Var(Tensor<T, Rank> value, Tape<T>* tape, Index node) : value_(std::move(value)), tape_(tape), node_(node) {}

  Tensor<T, Rank> value_;
  Tape<T>* tape_ = nullptr;
  Index node_ = -1;
};

/// An input of a recorded op, its rank forgotten.
template <class T>
class Operand {
 public:
  template <int Rank>
  Operand(const Var<T, Rank>& v) : tape_(v.tape_), node_(v.node_) {}

 private:
  friend class Tape<T>;
  Tape<T>* tape_;
  Index node_;
};

/// Where the backward of an op delivers the gradients of its inputs.
template <class T>
class GradientSink {
 public:
  /// False when input i is a constant; its gradient need not be computed.
  bool wants(int i) const { return target(i) >= 0; }

  /// Adds g to the gradient of input i.
  template <int Rank>
  void add(int i, Tensor<T, Rank> g) {
    if (target(i) >= 0) tape_.add_gradient(target(i), g.reshape(Shape<1>{g.numel()}));
  }

 private:
  friend class Tape<T>;
  GradientSink(Tape<T>& tape, const std::vector<Index>& inputs) : tape_(tape), inputs_(inputs) {}
  Index target(int i) const { return inputs_[static_cast<std::size_t>(i)]; }

  Tape<T>& tape_;
  const std::vector<Index>& inputs_;
};

/// What happened in one forward pass, in order. Walking it backwards visits every op after all its users, so gradients
/// of a value used twice simply add up, and no recursion is needed however deep the network.
template <class T>
class Tape {
 public:
  Tape() = default;
  Tape(const Tape&) = delete;
  Tape& operator=(const Tape&) = delete;

  /// A leaf: backward leaves its gradient here for gradient() to read.
  template <int Rank>
  Var<T, Rank> variable(Tensor<T, Rank> value) {
    return {std::move(value), this, add_node({}, nullptr)};
  }

  /// Its place on the tape.
  Index place(const Var<T, 1>& leaf) const { return leaf.node_; }

  /// The same leaf under another shape of the same size.
  template <int Rank>
  Var<T, Rank> alias(const Var<T, 1>& leaf, const Tensor<T, Rank>& value) {
    return {value, this, leaf.node_};
  }

  /// Runs every recorded backward from `output`, whose own gradient is `seed`, and frees what the ops kept.
  /// A tape can be walked once. Throws ShapeError when seed and output differ in shape, ValueError when the output was
  /// recorded on another tape.
  template <int Rank>
  void backward(const Var<T, Rank>& output, const Tensor<T, Rank>& seed) {
    check_same_shape("Tape::backward", output.value(), seed);
    if (output.node_ < 0) return;
    check<ValueError>(output.tape_ == this, "Tape::backward", "the value was recorded on another tape");
    check<ValueError>(!walked_, "Tape::backward", "this tape has been walked already; record the forward pass again");
    walked_ = true;
    add_gradient(output.node_, seed.reshape(Shape<1>{seed.numel()}));
    for (Index i = output.node_; i >= 0; --i) {
      Node& node = at(i);
      if (!node.backward || node.gradient.empty()) continue;
      GradientSink<T> sink(*this, node.inputs);
      node.backward->run(std::exchange(node.gradient, {}), sink);
      node.backward = nullptr;
    }
  }

  /// The gradient that backward left in a leaf; zeros when nothing flowed into it.
  template <int Rank>
  Tensor<T, Rank> gradient(const Var<T, Rank>& leaf) const {
    check<ValueError>(leaf.tape_ == this, "Tape::gradient", "the value is not a variable of this tape");
    const auto& g = nodes_[static_cast<std::size_t>(leaf.node_)].gradient;
    return g.empty() ? Tensor<T, Rank>::zeros(leaf.shape()) : g.reshape(leaf.shape());
  }

  /// Whether backward came to a leaf: false when the output does not depend on it.
  bool reached(const Var<T, 1>& leaf) const { return !nodes_[static_cast<std::size_t>(leaf.node_)].gradient.empty(); }

  /// See record() below.
  template <int Rank, class Backward>
  static Var<T, Rank> record(Tensor<T, Rank> y, std::initializer_list<Operand<T>> inputs, Backward&& backward) {
    Tape* const tape = tape_of(inputs);
    if (tape == nullptr) return Var<T, Rank>(std::move(y));
    auto* const typed = new TypedBackward<Rank, std::decay_t<Backward>>(std::forward<Backward>(backward));
    std::unique_ptr<AnyBackward> owner(typed);
    typed->shape = y.shape();
    const Index node = tape->add_node(inputs, std::move(owner));
    if (FiniteWatch* const watch = FiniteWatch::current()) [[unlikely]]
      watch->result(node, y.shape(), y.data());
    return {std::move(y), tape, node};
  }

 private:
  friend class GradientSink<T>;

  /// The backward of one op, its type forgotten.
  struct AnyBackward {
    AnyBackward() = default;
    AnyBackward(const AnyBackward&) = delete;
    AnyBackward& operator=(const AnyBackward&) = delete;
    virtual ~AnyBackward() = default;
    virtual void run(Tensor<T, 1> dy, GradientSink<T>& grad) = 0;
  };

  template <int Rank, class Backward>
  struct TypedBackward final : AnyBackward {
    explicit TypedBackward(Backward&& f) : backward(std::move(f)) {}
    explicit TypedBackward(const Backward& f) : backward(f) {}
    void run(Tensor<T, 1> dy, GradientSink<T>& grad) override {
      auto shaped = dy.reshape(shape);
      dy = {};  // so that the lambda is the only owner and may take the buffer over
      backward(std::move(shaped), grad);
    }
    Backward backward;
    Shape<Rank> shape{};
  };

  struct Node {
    std::vector<Index> inputs;
    std::unique_ptr<AnyBackward> backward;
    Tensor<T, 1> gradient;
  };

  Node& at(Index i) { return nodes_[static_cast<std::size_t>(i)]; }

  /// The tape of the inputs; null when all are constants.
  static Tape* tape_of(std::initializer_list<Operand<T>> inputs) {
    Tape* tape = nullptr;
    for (const Operand<T>& in : inputs) {
      check<ValueError>(tape == nullptr || in.tape_ == nullptr || tape == in.tape_, "record", "inputs of two tapes");
      if (in.tape_ != nullptr) tape = in.tape_;
    }
    return tape;
  }

  [[gnu::noinline]] Index add_node(std::initializer_list<Operand<T>> inputs, std::unique_ptr<AnyBackward> backward) {
    Node& node = nodes_.emplace_back();
    for (const Operand<T>& in : inputs) node.inputs.push_back(in.node_);
    node.backward = std::move(backward);
    return static_cast<Index>(nodes_.size()) - 1;
  }

  void add_gradient(Index node, Tensor<T, 1> g) {
    if (const FiniteWatch* const watch = FiniteWatch::current()) [[unlikely]]
      watch->gradient(node, g.numel(), g.data());
    Tensor<T, 1>& sum = at(node).gradient;
    if (sum.empty()) {
      sum = std::move(g);
    } else {
      kernels::accumulate(g.numel(), g.data(), sum.mutable_data());
    }
  }

  std::vector<Node> nodes_;
  bool walked_ = false;
};

/// The result y of an op on `inputs`, recorded together with its backward.
///
/// backward(dy, grad) gets the gradient of y (by rvalue: it may take it over) and hands grad.add(i, ...) the gradient
/// of each input i that grad.wants(i). What the lambda captures is exactly what training keeps in memory. When every
/// input is a constant nothing is recorded and the result is a constant too.
template <class T, int Rank, class Backward>
Var<T, Rank> record(Tensor<T, Rank> y, std::type_identity_t<std::initializer_list<Operand<T>>> inputs,
                    Backward&& backward) {
  return Tape<T>::record(std::move(y), inputs, std::forward<Backward>(backward));
}

/// A plain tensor under either kind of value.
template <class T, int Rank>
const Tensor<T, Rank>& value_of(const Tensor<T, Rank>& x) {
  return x;
}
template <class T, int Rank>
const Tensor<T, Rank>& value_of(const Var<T, Rank>& x) {
  return x.value();
}

}  // namespace paser
#include "paser/core/macros_on.inc"
