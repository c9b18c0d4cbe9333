#pragma once
#include "paser/core/macros_off.inc"

#include <map>
#include <string>

#include "paser/core/error.hpp"
#include "paser/core/shape.hpp"

namespace paser {

/// Operations of a run by kind of op, in the convention of fvcore, which the paper follows: a multiply-accumulate
/// counts as one, and what is cheap beside it (activations, softmax, pooling, addition, padding, dropout) as nothing.
struct Operations {
  std::map<std::string, Index> by_op;

  /// Adds multiply-accumulates of the operation of this name.
  void add(const std::string& op, Index count) {
    if (count != 0) by_op[op] += count;
  }
  Operations& operator+=(const Operations& other) {
    for (const auto& [op, count] : other.by_op) add(op, count);
    return *this;
  }
  /// The multiply-accumulates of all operations.
  Index total() const {
    Index sum = 0;
    for (const auto& [op, count] : by_op) sum += count;
    return sum;
  }
};

/// The third meaning of a forward definition: beside computing and recording, it can be counted. A Counted is a value
/// of which only the shape is known. Every op has an overload for it that works out the shape of the result and notes
/// its operations, so any model that is written in these ops is counted as it stands.
template <int Rank>
class Counted {
 public:
  using Scalar = float;
  static constexpr int rank = Rank;

  /// `operations` must outlive the value and all that is made of it.
  Counted(const Shape<Rank>& shape, Operations& operations) : shape_(shape), operations_(&operations) {}

  const Shape<Rank>& shape() const { return shape_; }  ///< The shape that a tensor would have here.

  /// A result of this shape, and what it took.
  template <int NewRank>
  Counted<NewRank> then(const Shape<NewRank>& shape, const char* op, Index count) const {
    operations_->add(op, count);
    return {shape, *operations_};
  }
  /// The result of an operation that counts as free.
  template <int NewRank>
  Counted<NewRank> free(const Shape<NewRank>& shape) const {
    return {shape, *operations_};
  }

 private:
  Shape<Rank> shape_;
  Operations* operations_;
};

template <int Rank>
const Counted<Rank>& value_of(const Counted<Rank>& x) {
  return x;
}

}  // namespace paser
#include "paser/core/macros_on.inc"
