#pragma once
#include "paser/core/macros_off.inc"

#include <cstdint>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "paser/core/error.hpp"
#include "paser/core/finite.hpp"
#include "paser/core/text.hpp"
#include "paser/io/json.hpp"

/// How the fields of results.json are read: anyone may have changed the file, so that each number must be one that a
/// run can have found.
namespace paser::report::detail {

/// What `read` returns; a FormatError in it names the field, and that which the field is in.
template <class Json, class F>
auto of_field(const char* key, const F& read) {
  try {
    return read();
  } catch (const typename Json::exception& error) {
    throw FormatError(message("'", key, "': ", io::json_problem(error)));
  } catch (const FormatError& error) {
    throw FormatError(message("'", key, "': ", error.what()));
  }
}
template <class Json, class T>
void read_field(const Json& j, const char* key, T& value) {
  of_field<Json>(key, [&] { j.at(key).get_to(value); });
}
/// Reads a member that may be missing or null.
template <class Json, class T>
void read_optional(const Json& j, const char* key, std::optional<T>& value) {
  if (const auto found = j.find(key); found != j.end() && !found->is_null())
    value = of_field<Json>(key, [&] { return found->template get<T>(); });
}
/// Reads a member that may be missing.
template <class Json, class T>
void read_part(const Json& j, const char* key, T& value) {
  if (j.contains(key)) read_field(j, key, value);
}

/// A value for messages.
template <class Json>
std::string shown(const Json& value) {
  return value.is_structured() ? value.type_name() : excerpt(value.dump());
}

/// What a number may be.
struct Limits {
  double low, high;
  const char* text;
};
/// Sums of shares may miss 1 by as much as sums round.
inline constexpr Limits any_share{0, 1 + 1e-6, "a number of 0 .. 1"};
/// More than any run finds, and so far from what a double holds that sums and squares of such numbers are finite.
inline constexpr Limits any_amount{0, 1e30, "a number of 0 .. 1e+30"};
inline constexpr Limits any_number{-1e30, 1e30, "a number of -1e+30 .. 1e+30"};

template <class Json>
double known_number(const Json& value, const Limits& limits, const char* or_else = "") {
  const double number = value.is_number() ? value.template get<double>() : std::numeric_limits<double>::quiet_NaN();
  if (is_nan(number) || number < limits.low || number > limits.high)
    throw FormatError(message(shown(value), ", expected ", limits.text, or_else));
  return number;
}
/// JSON has no NaN: it is written as null.
template <class Json>
double number_of(const Json& value, const Limits& limits) {
  if (value.is_null()) return std::numeric_limits<double>::quiet_NaN();
  return known_number(value, limits, ", or null");
}
template <class Json>
double number_or_nan(const Json& j, const char* key, const Limits& limits = any_number) {
  return of_field<Json>(key, [&] { return number_of(j.at(key), limits); });
}
template <class Json>
double share_or_nan(const Json& j, const char* key) {
  return number_or_nan(j, key, any_share);
}
template <class Json>
double amount_or_nan(const Json& j, const char* key) {
  return number_or_nan(j, key, any_amount);
}
/// What `read` makes of each value of a list.
template <class Json, class F>
auto list_of(const Json& list, const F& read) {
  if (!list.is_array()) throw FormatError(message(shown(list), ", expected a list of numbers"));
  std::vector<decltype(read(list))> numbers;
  for (const Json& value : list) numbers.push_back(read(value));
  return numbers;
}
template <class Json>
std::vector<double> numbers_or_nan(const Json& j, const char* key, const Limits& limits = any_number) {
  return of_field<Json>(
      key, [&] { return list_of(j.at(key), [&](const Json& value) { return number_of(value, limits); }); });
}
template <class Json>
std::vector<double> shares_or_nan(const Json& j, const char* key) {
  return numbers_or_nan(j, key, any_share);
}
/// Reads a number that is known.
template <class Json>
void read_number(const Json& j, const char* key, double& number, const Limits& limits = any_number) {
  number = of_field<Json>(key, [&] { return known_number(j.at(key), limits); });
}
/// Reads numbers all of which are known.
template <class Json>
void read_numbers(const Json& j, const char* key, std::vector<double>& numbers, const Limits& limits = any_number) {
  numbers = of_field<Json>(
      key, [&] { return list_of(j.at(key), [&](const Json& value) { return known_number(value, limits); }); });
}
/// Those of a whole, none of which is unknown.
template <class Json>
void read_shares(const Json& j, const char* key, std::vector<double>& shares) {
  read_numbers(j, key, shares, any_share);
}
/// Reads a number that may be missing or null.
template <class Json>
void read_optional_number(const Json& j, const char* key, std::optional<double>& value, const Limits& limits) {
  if (!j.contains(key)) return;
  if (const double number = number_or_nan(j, key, limits); !is_nan(number)) value = number;
}
/// A whole number, 0 or more, that the type can hold.
template <class T, class Json>
T count_of(const Json& number) {
  const bool whole = number.is_number_unsigned() || (number.is_number_integer() && number >= 0);
  if (!whole || !std::in_range<T>(number.template get<std::uint64_t>()))
    throw FormatError(message(shown(number), ", expected a whole number, 0 or more"));
  return number.template get<T>();
}
template <class Json, class T>
void read_count(const Json& j, const char* key, T& value) {
  value = of_field<Json>(key, [&] { return count_of<T>(j.at(key)); });
}
/// Reads a table by rows, each value by `read`.
template <class Json, class T, class F>
void read_table(const Json& j, const char* key, std::vector<std::vector<T>>& table, const F& read) {
  table = of_field<Json>(key, [&] { return list_of(j.at(key), [&](const Json& row) { return list_of(row, read); }); });
}
/// Reads values by their names, each by `read(object, name, value)`.
template <class Json, class T, class F>
void read_named(const Json& j, const char* key, std::map<std::string, T>& values, const F& read) {
  of_field<Json>(key, [&] {
    const Json& object = j.at(key);
    if (!object.is_object()) throw FormatError(message(shown(object), ", expected an object"));
    values.clear();
    for (const auto& entry : object.items()) read(object, entry.key().c_str(), values[entry.key()]);
  });
}

}  // namespace paser::report::detail
#include "paser/core/macros_on.inc"
