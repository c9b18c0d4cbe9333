#pragma once
#include "paser/core/macros_off.inc"

#include "paser/autograd/context.hpp"
#include "paser/autograd/counted.hpp"

namespace paser {

/// A run that only counts: values are Counted, of which nothing but the shape is known.
template <class T>
class CountContext : public RunContext<T> {
 public:
  /// What layers take and return in this context.
  template <int Rank>
  using Value = Counted<Rank>;

  /// Whether a network that is computed with fewer operations than its published form counts as that form does.
  bool as_published = true;

  explicit CountContext(Operations& operations, Mode m = run::inference) : RunContext<T>(m), operations_(&operations) {}

  template <int Rank>
  Counted<Rank> operator()(const Parameter<T, Rank>& p) const {
    return {p.value.shape(), *operations_};
  }
  /// The shape of data.
  template <int Rank>
  Counted<Rank> constant(const Tensor<T, Rank>& x) const {
    return {x.shape(), *operations_};
  }
  /// The stored value.
  template <int Rank>
  const Tensor<T, Rank>& current(const Buffer<T, Rank>& b) const {
    return b.value;
  }
  /// Counting changes no statistics.
  template <int Rank>
  void update(const Buffer<T, Rank>&, const Tensor<T, Rank>&, double = 1) {}

 private:
  Operations* operations_;
};

/// The operations of one run of a model on an input of this shape. Computes nothing, so it is instant for any size;
/// throws what the run would throw about shapes. `as_published`: see CountContext.
template <class T = float, class Model, int Rank>
Operations count_operations(const Model& model, const Shape<Rank>& input, Mode mode = run::inference,
                            bool as_published = true) {
  Operations operations;
  CountContext<T> ctx(operations, mode);
  ctx.as_published = as_published;
  model(ctx, Counted<Rank>(input, operations));
  return operations;
}

}  // namespace paser
#include "paser/core/macros_on.inc"
