#pragma once
#include "paser/core/macros_off.inc"

#include <algorithm>
#include <concepts>
#include <limits>
#include <span>
#include <utility>
#include <vector>

#include "paser/core/error.hpp"
#include "paser/core/finite.hpp"
#include "paser/core/memory.hpp"
#include "paser/core/shape.hpp"

namespace paser {

/// The elements of a tensor that lives as long as this does.
template <class Tensor>
class ValuesOfTemporary {
 public:
  ValuesOfTemporary(Tensor tensor) : tensor_(std::move(tensor)) {}

  const auto* data() const { return tensor_.data(); }           ///< The first element.
  const auto* begin() const { return data(); }                  ///< For range-for.
  const auto* end() const { return data() + tensor_.numel(); }  ///< For range-for.
  std::size_t size() const { return static_cast<std::size_t>(tensor_.numel()); }
  const auto& operator[](std::size_t i) const { return data()[i]; }

 private:
  Tensor tensor_;
};

/// A dense row-major array, 64-byte aligned. Images are Tensor<float,4> as (batch, height, width, channel).
///
/// A tensor behaves as a value: a copy is cheap because it shares the buffer, and writing through mutable_data() first
/// detaches from every other copy. So a tensor kept on a tape can never change under it.
template <class T, int Rank>
class Tensor {
 public:
  using Scalar = T;
  static constexpr int rank = Rank;

  /// No elements; empty() is true.
  Tensor() = default;

  Tensor(const Tensor&) = default;
  Tensor& operator=(const Tensor&) = default;
  /// What was moved from is as a new Tensor(): were it to keep its shape, what looks at shapes would take it for one
  /// that has elements.
  Tensor(Tensor&& other) noexcept : shape_(std::exchange(other.shape_, {})), buffer_(std::move(other.buffer_)) {}
  Tensor& operator=(Tensor&& other) noexcept {
    shape_ = std::exchange(other.shape_, {});
    buffer_ = std::move(other.buffer_);
    return *this;
  }
  ~Tensor() = default;

  /// Undefined content. Throws ShapeError on a negative extent, and on more bytes than an Index can count;
  /// OutOfMemory when there is no memory.
  [[gnu::noinline]] explicit Tensor(const Shape<Rank>& shape) : shape_(shape) {
    check_extents("Tensor", shape);
    constexpr auto most = static_cast<std::size_t>(std::numeric_limits<Index>::max()) / sizeof(T);
    const auto count = static_cast<std::size_t>(shape.numel());
    check(count <= most, "Tensor", "shape ", shape, " takes more bytes than any memory has");
    buffer_ = SharedBuffer(count * sizeof(T));
  }

  /// A tensor of one value.
  static Tensor full(const Shape<Rank>& shape, T value) {
    Tensor t(shape);
    std::fill_n(t.mutable_data(), t.numel(), value);
    return t;
  }
  static Tensor zeros(const Shape<Rank>& shape) { return full(shape, T(0)); }  ///< A tensor of zeros.

  /// The values in row-major order. Throws ShapeError when their number is not shape.numel().
  static Tensor from(const Shape<Rank>& shape, std::span<const T> values) {
    check(static_cast<Index>(values.size()) == shape.numel(), "Tensor::from", values.size(), " values for shape ",
          shape);
    Tensor t(shape);
    std::copy(values.begin(), values.end(), t.mutable_data());
    return t;
  }
  static Tensor from(const Shape<Rank>& shape, const std::vector<T>& values) {
    return from(shape, std::span<const T>(values));
  }

  const Shape<Rank>& shape() const { return shape_; }  ///< The extents, outermost first.
  /// The number of elements.
  Index numel() const {
    Index product = buffer_ ? 1 : 0;  // that it fits was found when the tensor was made
    for (const Index e : shape_.extent) product *= e;
    return product;
  }
  bool empty() const { return numel() == 0; }  ///< Whether there is no element.

  const T* data() const { return reinterpret_cast<const T*>(buffer_.get()); }  ///< The first element, to be read.

  /// For writing. Copies the buffer first when another tensor shares it, so call it once, outside of any loop.
  T* mutable_data() {
    if (buffer_.shared()) *this = clone();
    return reinterpret_cast<T*>(buffer_.get());
  }

  /// True when no other tensor shares the buffer.
  bool is_unique() const { return !buffer_.shared(); }

  /// The elements in row-major order. Of a temporary the result keeps them alive, so that a loop may run over it.
  std::span<const T> values() const& { return {data(), static_cast<std::size_t>(numel())}; }
  ValuesOfTemporary<Tensor> values() && { return {std::move(*this)}; }

  /// A copy with a buffer of its own.
  [[gnu::noinline]] Tensor clone() const {
    if (!buffer_) return {};
    Tensor copy(shape_);
    std::copy_n(data(), numel(), copy.mutable_data());
    return copy;
  }

  /// The same elements under another shape; shares the buffer. Throws ShapeError when the element counts differ, and on
  /// a negative extent.
  template <int NewRank>
  [[gnu::noinline]] Tensor<T, NewRank> reshape(const Shape<NewRank>& shape) const {
    check_extents("reshape", shape);
    check(shape.numel() == numel(), "reshape", shape_, " has ", numel(), " elements, ", shape, " has ", shape.numel());
    Tensor<T, NewRank> view;
    view.shape_ = shape;
    view.buffer_ = buffer_;
    return view;
  }

  /// Row-major position of an element.
  template <std::convertible_to<Index>... I>
  requires(sizeof...(I) == Rank) Index offset(I... index)
  const {
    Index position = 0;
    int axis = 0;
    ((position = position * shape_[axis++] + static_cast<Index>(index)), ...);
    return position;
  }
  template <std::convertible_to<Index>... I>
  requires(sizeof...(I) == Rank) T operator()(I... index) const { return data()[offset(index...)]; }

  /// Element-wise conversion to another scalar type.
  template <class U>
  Tensor<U, Rank> cast() const {
    Tensor<U, Rank> result(shape_);
    std::transform(data(), data() + numel(), result.mutable_data(), [](T v) { return static_cast<U>(v); });
    return result;
  }

  /// True when both tensors share one buffer.
  bool shares_buffer_with(const Tensor& other) const { return buffer_ == other.buffer_; }

 private:
  template <class, int>
  friend class Tensor;

  template <int AnyRank>
  static void check_extents(const char* where, const Shape<AnyRank>& shape) {
    for (const Index e : shape.extent) check(e >= 0, where, "negative extent in shape ", shape);
  }

  Shape<Rank> shape_{};
  SharedBuffer buffer_;
};

/// Class indices of pixels: (batch, height, width).
using Labels = Tensor<std::int32_t, 3>;

/// Throws ShapeError naming both shapes unless they are equal.
template <class T, class U, int R>
void check_same_shape(const char* where, const Tensor<T, R>& a, const Tensor<U, R>& b) {
  check(a.shape() == b.shape(), where, "shapes differ: ", a.shape(), " and ", b.shape());
}

/// The largest |a - b|; infinity when one of them has a NaN that the other has not.
template <class T, int R>
double max_abs_difference(const Tensor<T, R>& a, const Tensor<T, R>& b) {
  check_same_shape("max_abs_difference", a, b);
  double worst = 0;
  for (Index i = 0; i < a.numel(); ++i) {
    const double x = static_cast<double>(a.data()[i]), y = static_cast<double>(b.data()[i]);
    if (is_nan(x) || is_nan(y)) {
      if (is_nan(x) && is_nan(y)) continue;
      return std::numeric_limits<double>::infinity();
    }
    if (x != y) worst = std::max(worst, x > y ? x - y : y - x);
  }
  return worst;
}

}  // namespace paser
#include "paser/core/macros_on.inc"
