#pragma once
#include "paser/core/macros_off.inc"

#include <initializer_list>
#include <map>
#include <string>

#include "paser/core/error.hpp"
#include "paser/core/shape.hpp"

namespace paser {

/// Operations of a run by kind of op, in the convention of fvcore, which the paper follows: a multiply-accumulate
/// counts as one, and what is cheap beside it (activations, softmax, pooling, addition, padding, dropout) as nothing.
struct Operations {
  std::map<std::string, Index> by_op;

  /// Adds multiply-accumulates of the operation of this name. Throws ValueError, here and in total(), where an Index
  /// cannot count them.
  void add(const std::string& op, Index count) {
    if (count != 0) by_op[op] = sum(by_op[op], count);
  }
  Operations& operator+=(const Operations& other) {
    for (const auto& [op, count] : other.by_op) add(op, count);
    return *this;
  }
  /// The multiply-accumulates of all operations.
  Index total() const {
    Index all = 0;
    for (const auto& [op, count] : by_op) all = sum(all, count);
    return all;
  }

  /// The product, for counts that are one. Throws ValueError where an Index cannot hold it.
  static Index product(std::initializer_list<Index> factors) {
    Index result = 1;
    for (const Index f : factors)
      if (f == 0) return 0;
    for (const Index f : factors) check_count(!__builtin_mul_overflow(result, f, &result));
    return result;
  }

 private:
  static Index sum(Index a, Index b) {
    check_count(!__builtin_add_overflow(a, b, &a));
    return a;
  }
  static void check_count(bool fits) {
    check<ValueError>(fits, "Operations", "there are more than 2^63 multiply-accumulates");
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

  /// `operations` must outlive the value and all that is made of it. Throws ShapeError on extents below 0 or above
  /// 2^40, and on more elements than an Index can count: no memory holds the tensor.
  Counted(const Shape<Rank>& shape, Operations& operations) : shape_(shape), operations_(&operations) {
    for (const Index e : shape.extent) check(e >= 0 && e <= Index{1} << 40, "Counted", "no tensor has shape ", shape);
    shape.numel();
  }

  const Shape<Rank>& shape() const { return shape_; }  ///< The shape that a tensor would have here.

  /// A result of this shape, and what it took.
  template <int NewRank>
  Counted<NewRank> then(const Shape<NewRank>& shape, const char* op, Index count) const {
    operations_->add(op, count);
    return {shape, *operations_};
  }
  /// The same with the product of these numbers.
  template <int NewRank>
  Counted<NewRank> then(const Shape<NewRank>& shape, const char* op, std::initializer_list<Index> count) const {
    operations_->add(op, Operations::product(count));
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
