#pragma once

#include <array>
#include <limits>
#include <span>
#include <string_view>
#include <type_traits>
#include <vector>

#include "paser/core/finite.hpp"

/// The numbers that settings may have.
namespace program {

/// What a setting's number, or each number of its list, must be; a whole number where the setting is of such a type.
struct Range {
  enum Ends { closed, above_low, below_high, open };  ///< which of the two limits is itself too small or too large

  std::string_view name;
  double low, high;
  Ends ends = closed;

  template <class Number>
  bool holds(Number x) const {
    if constexpr (std::is_floating_point_v<Number>)
      if (!paser::is_finite(x)) return false;
    const auto v = static_cast<double>(x);
    return (ends == above_low || ends == open ? v > low : v >= low) &&
           (ends == below_high || ends == open ? v < high : v <= high);
  }
  std::string text(bool whole) const {
    return paser::message(whole ? "a whole number, " : "a number, ",
                          ends == above_low || ends == open ? "more than " : "at least ", low, " and ",
                          ends == below_high || ends == open ? "less than " : "at most ", high);
  }
};

/// What a factor of weights or gradients may be as a float.
inline constexpr double largest_rate = 3.4e38;

/// Calls f(number) for a setting that is a number, or for each number of a list; for others not at all.
template <class Value, class F>
void for_each_number(const Value& value, const F& f) {
  if constexpr (std::is_same_v<Value, bool>) {
  } else if constexpr (std::is_arithmetic_v<Value>) {
    f(value);
  } else if constexpr (requires { typename Value::value_type; }) {
    if constexpr (std::is_arithmetic_v<typename Value::value_type> && !std::is_same_v<Value, std::string>)
      for (const auto& element : value) f(element);
  }
}

/// Throws ValueError naming the first setting with a number out of its range, or without a range. Settings: what names
/// its members by visit.
template <class Settings>
void check_ranges(const Settings& settings, std::span<const Range> ranges) {
  Settings::visit(settings, [&](const char* name, const auto& value) {
    for_each_number(value, [&]<class Number>(Number number) {
      const auto range = std::find_if(ranges.begin(), ranges.end(), [&](const Range& r) { return r.name == name; });
      paser::check<paser::ValueError>(range != ranges.end(), "setting", name, " has no range");
      paser::check<paser::ValueError>(range->holds(number), "setting", name, " = ", number, ", expected ",
                                      range->text(std::is_integral_v<Number>));
    });
  });
}

}  // namespace program
