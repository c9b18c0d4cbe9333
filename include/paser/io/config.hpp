#pragma once
#include "paser/core/macros_off.inc"

#include <nlohmann/json.hpp>

#include "paser/io/json.hpp"

namespace paser::io {

/// Reads options from a JSON object and then, in finish(), refuses the keys that nobody asked for: a mistyped option is
/// an error and not a default.
///
///   ConfigReader config(document, "train.json");
///   config.read("epochs", options.epochs);
///   ConfigReader loss = config.section("loss");  loss.read("alpha", alpha);  loss.finish();
///   config.finish();
template <class Json>
class BasicConfigReader {
 public:
  /// `origin` is the file's name, for messages. Throws FormatError unless the document is an object.
  BasicConfigReader(Json document, std::string origin) : document_(std::move(document)), origin_(std::move(origin)) {
    check<FormatError>(document_.is_object(), origin_.c_str(), "expected an object of options, got ",
                       document_.type_name());
  }

  /// Parses a text. Throws FormatError as parse_json.
  static BasicConfigReader from_text(const std::string& text, const std::string& origin) {
    return {parse_json<Json>(text, origin), origin};
  }

  /// Parses a file; // and block comments are allowed. Throws as read_json.
  static BasicConfigReader from_file(const Path& path) {
    return {read_json<Json>(path, {.comments = true}), path.string()};
  }

  /// Sets `value` when the option is given; otherwise it keeps its default. Returns whether it was given.
  /// Throws FormatError naming the option when it has another type, or is a number that T cannot hold.
  template <class T>
  bool read(const std::string& key, T& value) {
    known_.push_back(key);
    const auto found = document_.find(key);
    if (found == document_.end()) return false;
    if (!accepts<T>(*found))
      throw FormatError(
          message(origin_, ": option '", key, "' is ", excerpt(json_text(*found)), ", expected ", expected<T>()));
    try {
      value = found->template get<T>();
    } catch (const typename Json::exception& e) {
      throw FormatError(message(origin_, ": option '", key, "' is ", excerpt(json_text(*found)), ": ", e.what()));
    }
    return true;
  }

  /// Sets `value` as read() does, and throws FormatError naming the option when it is absent.
  template <class T>
  void require(const std::string& key, T& value) {
    const bool given = read(key, value);
    check<FormatError>(given, origin_.c_str(), "option '", key, "' is missing, expected ", expected<T>());
  }

  /// The options under a key; none when it is absent.
  BasicConfigReader section(const std::string& key) {
    known_.push_back(key);
    return {document_.value(key, Json::object()), origin_ + ": '" + key + "'"};
  }

  /// Throws FormatError listing every key that was never asked for, each with the nearest known name; of a long key the
  /// beginning.
  void finish() const {
    std::string unknown;
    for (const auto& [key, value] : document_.items())
      if (std::find(known_.begin(), known_.end(), key) == known_.end())
        unknown += "\n  unknown option '" + excerpt(key) + "'" + suggestion(key, known_);
    check<FormatError>(unknown.empty(), origin_.c_str(), "some options are not known", unknown);
  }

 private:
  template <class T>
  static bool accepts(const Json& j) {
    if constexpr (std::is_same_v<T, bool>) {
      return j.is_boolean();
    } else if constexpr (std::is_integral_v<T>) {
      return j.is_number_unsigned() ? std::in_range<T>(j.template get<std::uint64_t>())
                                    : j.is_number_integer() && std::in_range<T>(j.template get<std::int64_t>());
    } else if constexpr (std::is_floating_point_v<T>) {
      return j.is_number();
    } else if constexpr (std::is_same_v<T, std::string>) {
      return j.is_string();
    } else if constexpr (requires { requires std::is_arithmetic_v<typename T::value_type>; }) {
      if (!j.is_array()) return false;
      if constexpr (requires { std::tuple_size<T>::value; })
        if (j.size() != std::tuple_size_v<T>) return false;
      return std::all_of(j.begin(), j.end(),
                         [](const Json& element) { return accepts<typename T::value_type>(element); });
    } else {
      return true;
    }
  }
  template <class T>
  static const char* expected() {
    if constexpr (std::is_same_v<T, bool>)
      return "true or false";
    else if constexpr (std::is_unsigned_v<T>)
      return "a whole number from 0";
    else if constexpr (std::is_integral_v<T>)
      return "a whole number";
    else if constexpr (std::is_floating_point_v<T>)
      return "a number";
    else if constexpr (std::is_same_v<T, std::string>)
      return "a text";
    else if constexpr (requires { requires std::is_arithmetic_v<typename T::value_type>; })
      return "a list of as many such numbers";
    else
      return "a value of its kind";
  }

  Json document_;
  std::string origin_;
  std::vector<std::string> known_;
};

/// The reader. It is a template so that only programs that use it pay for compiling JSON.
using ConfigReader = BasicConfigReader<nlohmann::json>;

}  // namespace paser::io
#include "paser/core/macros_on.inc"
