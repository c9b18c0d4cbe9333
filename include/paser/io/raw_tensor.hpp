#pragma once
#include "paser/core/macros_off.inc"

#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "paser/core/finite.hpp"
#include "paser/core/tensor.hpp"

namespace paser::io {

static_assert(std::endian::native == std::endian::little,
              "paser::io: tensor files are little-endian, and so must be the machine");

/// Element types of tensor files, under their names in safetensors.
enum class DType { BOOL, U8, I8, U16, I16, F16, BF16, U32, I32, F32, U64, I64, F64 };

/// Name and size of every DType, in the order of the enumeration.
struct DTypeInfo {
  const char* name;
  Index bytes;
};
/// Every type of element, in the order of DType.
inline constexpr DTypeInfo dtypes[] = {{"BOOL", 1}, {"U8", 1},   {"I8", 1},  {"U16", 2}, {"I16", 2},
                                       {"F16", 2},  {"BF16", 2}, {"U32", 4}, {"I32", 4}, {"F32", 4},
                                       {"U64", 8},  {"I64", 8},  {"F64", 8}};

/// Name and size of a type.
inline const DTypeInfo& info(DType d) {
  return dtypes[static_cast<std::size_t>(d)];
}
/// Whether the elements are floating-point numbers.
constexpr bool is_floating(DType d) {
  return d == DType::F16 || d == DType::BF16 || d == DType::F32 || d == DType::F64;
}
inline std::ostream& operator<<(std::ostream& out, DType d) {
  return out << info(d).name;
}

/// The DType of a C++ type.
template <class T>
inline constexpr DType dtype_of = [] {
  static_assert(std::is_arithmetic_v<T> && sizeof(T) <= 8, "dtype_of: not an element type of tensor files");
  if constexpr (std::is_same_v<T, bool>)
    return DType::BOOL;
  else if constexpr (std::is_floating_point_v<T>)
    return sizeof(T) == 4 ? DType::F32 : DType::F64;
  else if constexpr (sizeof(T) == 1)
    return std::is_signed_v<T> ? DType::I8 : DType::U8;
  else if constexpr (sizeof(T) == 2)
    return std::is_signed_v<T> ? DType::I16 : DType::U16;
  else if constexpr (sizeof(T) == 4)
    return std::is_signed_v<T> ? DType::I32 : DType::U32;
  else
    return std::is_signed_v<T> ? DType::I64 : DType::U64;
}();

namespace detail {

/// IEEE 754 binary16 to float, exact.
inline float float_from_half(std::uint16_t h) {
  const int exponent = h >> 10 & 31, fraction = h & 1023;
  const float sign = h >> 15 ? -1.0f : 1.0f;
  if (exponent == 31) return fraction == 0 ? sign * HUGE_VALF : std::nanf("");
  if (exponent == 0) return sign * std::ldexp(static_cast<float>(fraction), -24);
  return sign * std::ldexp(static_cast<float>(1024 + fraction), exponent - 25);
}

/// bfloat16 to float: the upper half of its bits.
inline float float_from_bfloat(std::uint16_t b) {
  return std::bit_cast<float>(std::uint32_t{b} << 16);
}

/// Whether `to` can hold v: a number that is finite stays so in a floating one, an integer must be met exactly.
template <class To, class From>
bool fits(From v) {
  if constexpr (std::is_floating_point_v<To>) {
    if constexpr (std::is_floating_point_v<From>) return stays_finite<To>(v);
    return true;
  } else if constexpr (std::is_floating_point_v<From>) {
    return v == std::floor(v) && static_cast<double>(v) >= static_cast<double>(std::numeric_limits<To>::min()) &&
           static_cast<double>(v) < std::ldexp(1.0, std::numeric_limits<To>::digits);
  } else {
    return std::in_range<To>(v);
  }
}

}  // namespace detail

/// A tensor whose element type and rank are known at run time only: what tensor files hold.
struct RawTensor {
  DType dtype = DType::F32;
  std::vector<Index> shape;          ///< empty for a scalar
  Tensor<std::uint8_t, 1> bytes;     ///< row-major elements, little-endian
  std::string origin = "RawTensor";  ///< where it came from, for error messages: "net.safetensors: tensor 'head.bias'"

  /// Throws ShapeError where no Index can hold it.
  Index numel() const {
    Index product = 1;
    bool fits = true;
    for (const Index extent : shape) fits = fits && !__builtin_mul_overflow(product, extent, &product);
    if (!fits) check(false, origin.c_str(), "shape ", shape_text(), " has more elements than any memory");
    return product;
  }

  /// The shape as messages show it.
  std::string shape_text() const {
    std::string text;
    for (const Index extent : shape) text.append(text.empty() ? "" : ",").append(std::to_string(extent));
    return "(" + text + ")";
  }

  /// The tensor's elements as bytes.
  template <class T, int Rank>
  static RawTensor of(const Tensor<T, Rank>& t) {
    RawTensor raw;
    raw.dtype = dtype_of<T>;
    raw.shape.assign(t.shape().extent.begin(), t.shape().extent.end());
    raw.bytes = Tensor<std::uint8_t, 1>({t.numel() * static_cast<Index>(sizeof(T))});
    if (!t.empty()) std::memcpy(raw.bytes.mutable_data(), t.data(), static_cast<std::size_t>(raw.bytes.numel()));
    return raw;
  }

  /// The elements as they are. A scalar may be read as rank 1, shape (1).
  /// Throws FormatError on another element type and ShapeError on another rank.
  template <class T, int Rank>
  Tensor<T, Rank> as() const {
    check<FormatError>(dtype == dtype_of<T>, origin.c_str(), "element type ", dtype, ", expected ", dtype_of<T>);
    Tensor<T, Rank> t(typed_shape<Rank>());
    if (!t.empty()) std::memcpy(t.mutable_data(), bytes.data(), static_cast<std::size_t>(bytes.numel()));
    return t;
  }

  /// The elements converted to T. Throws as `as` does, and FormatError when an integer T cannot hold a value exactly,
  /// or a finite one is too large for a floating T.
  template <class T, int Rank>
  Tensor<T, Rank> cast() const {
    if (dtype == dtype_of<T>) return as<T, Rank>();
    Tensor<T, Rank> t(typed_shape<Rank>());
    T* out = t.mutable_data();
    for_each([&](Index i, auto v) {
      check<FormatError>(detail::fits<T>(v), origin.c_str(), "element ", i, " is ", +v,
                         std::is_floating_point_v<T> ? ", which is too large for " : ", which is no ", dtype_of<T>);
      out[i] = static_cast<T>(v);
    });
    return t;
  }

  /// The same elements in the rank that the caller expects.
  template <int Rank>
  Shape<Rank> typed_shape() const {
    Shape<Rank> s;
    if (Rank == 1 && shape.empty()) {
      s[0] = 1;
      return s;
    }
    check(shape.size() == static_cast<std::size_t>(Rank), origin.c_str(), "shape ", shape_text(), ", expected rank ",
          Rank);
    for (int axis = 0; axis < Rank; ++axis) s[axis] = shape[static_cast<std::size_t>(axis)];
    return s;
  }

 private:
  template <class Stored, class F>
  void for_each_as(F&& f) const {
    const Index count = numel();
    for (Index i = 0; i < count; ++i) {
      Stored v;
      std::memcpy(&v, bytes.data() + i * static_cast<Index>(sizeof(Stored)), sizeof(Stored));
      f(i, v);
    }
  }

  /// f(position, value) with the value in its own C++ type.
  template <class F>
  void for_each(F&& f) const {
    switch (dtype) {
      case DType::BOOL:
      case DType::U8:
        return for_each_as<std::uint8_t>(f);
      case DType::I8:
        return for_each_as<std::int8_t>(f);
      case DType::U16:
        return for_each_as<std::uint16_t>(f);
      case DType::I16:
        return for_each_as<std::int16_t>(f);
      case DType::U32:
        return for_each_as<std::uint32_t>(f);
      case DType::I32:
        return for_each_as<std::int32_t>(f);
      case DType::U64:
        return for_each_as<std::uint64_t>(f);
      case DType::I64:
        return for_each_as<std::int64_t>(f);
      case DType::F32:
        return for_each_as<float>(f);
      case DType::F64:
        return for_each_as<double>(f);
      case DType::F16:
        return for_each_as<std::uint16_t>([&](Index i, std::uint16_t v) { f(i, detail::float_from_half(v)); });
      case DType::BF16:
        return for_each_as<std::uint16_t>([&](Index i, std::uint16_t v) { f(i, detail::float_from_bfloat(v)); });
    }
  }
};

/// Tensors by name: the state of a model, in the manner of a PyTorch state dict.
using StateDict = std::map<std::string, RawTensor>;

/// The entries whose names start with `prefix`, without it.
inline StateDict with_prefix(const StateDict& state, const std::string& prefix) {
  StateDict found;
  for (auto it = state.lower_bound(prefix); it != state.end() && it->first.starts_with(prefix); ++it)
    found.emplace(it->first.substr(prefix.size()), it->second);
  return found;
}

}  // namespace paser::io
#include "paser/core/macros_on.inc"
