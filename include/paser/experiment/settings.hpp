#pragma once
#include "paser/core/macros_off.inc"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "paser/core/error.hpp"
#include "paser/core/finite.hpp"
#include "paser/core/text.hpp"
#include "paser/io/json.hpp"

/// Settings that are described once. A struct names each of its members in
///
///   template <class Self, class V>
///   static void visit(Self& s, V&& v) {
///     v("samples", s.samples, Range{1, 10'000}, "passes of MC dropout");
///     v("fit", s.fit, Words{"whole", "crop", "tiles"}, "how images come to one size");
///   }
///
/// its default being the member's initialiser; from that come JSON, "name=value", the check and the page of settings.
namespace paser::experiment {

/// What a number, or each number of a list, must be; a whole number where the setting is of such a type.
struct Range {
  /// Which of the two limits is itself too small or too large.
  enum Ends { closed, above_low, below_high, open };

  double low, high;
  Ends ends = closed;
  int multiple_of = 1;  ///< of whole numbers

  static constexpr double largest_float = 3.4e38;
  static constexpr Range share() { return {0, 1}; }                        ///< 0 .. 1.
  static constexpr Range count() { return {0, 1e9}; }                      ///< A number of things, also 0.
  static constexpr Range steps() { return {1, 1e6}; }                      ///< of work that is done at least once
  static constexpr Range rate() { return {0, largest_float, above_low}; }  ///< A positive number.

  /// Whether the number may be x.
  template <class Number>
  bool holds(Number x) const {
    if constexpr (std::is_floating_point_v<Number>) {
      if (!is_finite(x)) return false;
    } else {
      if (x % static_cast<Number>(multiple_of) != 0) return false;
    }
    const auto v = static_cast<double>(x);
    // As floats, 1e-50 is 0 and 0.9999999999 is 1: they would pass for numbers between the two.
    const auto below = [](double a, double b) { return static_cast<float>(a) < static_cast<float>(b); };
    return (ends == above_low || ends == open ? below(low, v) : v >= low) &&
           (ends == below_high || ends == open ? below(v, high) : v <= high);
  }

  /// Throws ValueError, with what is expected, unless the setting may be x.
  template <class Number>
  void require(const char* name, Number x) const {
    check<ValueError>(holds(x), "setting", name, " = ", x, ", expected ", text<Number>());
  }

  /// What is expected, in words.
  template <class Number>
  std::string text() const {
    const std::string kind = !std::is_integral_v<Number> ? "a number"
                             : multiple_of == 1          ? "a whole number"
                                                         : message("a multiple of ", multiple_of);
    return message(kind, ", ", ends == above_low || ends == open ? "more than " : "at least ", low, " and ",
                   ends == below_high || ends == open ? "less than " : "at most ", high);
  }
};

/// What a text, or each text of a list, must be.
struct Words {
  std::vector<std::string_view> words;
  Words(std::initializer_list<std::string_view> list) : words(list) {}

  /// Throws ValueError, with the words, unless it is one of them.
  void require(const char* name, std::string_view word) const {
    check<ValueError>(std::ranges::find(words, word) != words.end(), name, "'", visible(word), "', expected ",
                      text<std::string>(), suggestion(word, {words.begin(), words.end()}));
  }

  /// "set, image or patch"; in quotes where one has a space.
  template <class Text>
  std::string text() const {
    const bool quoted = std::ranges::any_of(words, [](auto w) { return w.empty() || w.find(' ') != w.npos; });
    std::string list;
    for (std::size_t i = 0; i < words.size(); ++i) {
      const std::string word(words[i]);
      list += (i == 0 ? "" : i + 1 < words.size() ? ", " : " or ") + (quoted ? "'" + word + "'" : word);
    }
    return list;
  }
};

/// A flag, or a text that may be any.
struct Anything {
  /// Takes every value.
  template <class Value>
  void require(const char*, const Value&) const {
    static_assert(std::is_same_v<Value, bool> || !std::is_arithmetic_v<Value>, "a number needs a Range");
  }
  /// What is expected, in words.
  template <class Value>
  std::string text() const {
    return std::is_same_v<Value, bool> ? "true or false" : "a text";
  }
};

/// A struct that describes its settings.
template <class S>
concept Settings = requires(S& s) {
  S::visit(s, [](const char*, auto&, const auto&, const char*) {});
};

namespace detail {

template <class Value>
inline constexpr bool is_list = requires {
  typename Value::value_type;
}
&&!std::is_same_v<Value, std::string>;

template <class Value>
struct ElementOf {
  using type = Value;
};
template <class Value>
requires is_list<Value>
struct ElementOf<Value> {
  using type = typename Value::value_type;
};

/// What a setting may be, in words.
template <class Value, class Legal>
std::string kind_of_setting(const Legal& legal) {
  return (is_list<Value> ? "a list; each " : "") + legal.template text<typename ElementOf<Value>::type>();
}

/// Reads one value. Throws ValueError when it is of another kind: what the library bends until it fits (1.5 to 1, true
/// to 1, -1 to 2^64 - 1, a long list to a short one) is another value afterwards.
template <class Value, class Legal>
void read_setting(const char* name, const nlohmann::json& given, Value& value, const Legal& legal) {
  const nlohmann::json before = value;
  bool fits = true;
  try {
    given.get_to(value);
    const nlohmann::json taken = value;
    fits = taken == given && !(taken.is_number_unsigned() && !given.is_number_unsigned() && given < 0);
  } catch (const nlohmann::json::exception&) {
    fits = false;
  }
  if (!fits)
    throw ValueError(message("setting ", name, " = ", excerpt(io::json_text(given)), ", expected ",
                             kind_of_setting<Value>(legal), ", such as ", before.dump(), ", its default"));
}

}  // namespace detail

/// Reads those of the document's values that the settings have; others are another program's. What is absent keeps its
/// value. Throws ValueError on a value of another kind.
template <Settings S>
void read_known(const nlohmann::json& document, S& settings) {
  S::visit(settings, [&](const char* name, auto& value, const auto& legal, const char*) {
    if (const auto found = document.find(name); found != document.end())
      detail::read_setting(name, *found, value, legal);
  });
}

/// The same for a document of these settings alone: throws ValueError also on one that there is not.
template <Settings S>
void read_settings(const nlohmann::json& document, S& settings) {
  std::vector<std::string> known;
  S::visit(settings, [&](const char* name, auto&, const auto&, const char*) { known.emplace_back(name); });
  read_known(document, settings);
  for (const auto& [name, value] : document.items())
    if (std::ranges::find(known, name) == known.end()) throw ValueError(unknown_name("setting", name, known));
}

template <Settings S>
void to_json(nlohmann::json& document, const S& settings) {
  document = nlohmann::json::object();
  S::visit(settings, [&](const char* name, const auto& value, const auto&, const char*) { document[name] = value; });
}
template <Settings S>
void from_json(const nlohmann::json& document, S& settings) {
  read_settings(document, settings);
}

/// Applies "name=value" from a command line; the value is JSON, or a word without quotes. Throws ValueError.
template <Settings S>
void apply(const std::string& setting, S& settings) {
  const auto equals = setting.find('=');
  check<ValueError>(equals != std::string::npos && equals > 0, "--set", "'", setting, "', expected name=value");
  read_settings({{setting.substr(0, equals), io::json_or_word(setting.substr(equals + 1))}}, settings);
}

/// Throws ValueError naming the first setting that is out of its range, or has a word that means nothing. Many settings
/// are used late: a run of an hour should not end at its last stage for a misspelt one.
template <Settings S>
void check_settings(const S& settings) {
  S::visit(settings, [](const char* name, const auto& value, const auto& legal, const char*) {
    if constexpr (detail::is_list<std::decay_t<decltype(value)>>)
      for (const auto& element : value) legal.require(name, element);
    else
      legal.require(name, value);
  });
}

/// Throws ValueError unless the lists are of the same number of networks, two or more.
inline void check_lists(const std::vector<std::pair<std::string, std::size_t>>& lists) {
  bool alike = true;
  std::string names, sizes;
  for (std::size_t i = 0; i < lists.size(); ++i) {
    alike = alike && lists[i].second == lists[0].second;
    const char* const comma = i == 0 ? "" : i + 1 < lists.size() ? ", " : " and ";
    names += comma + lists[i].first;
    sizes += message(comma, lists[i].second);
  }
  check<ValueError>(alike && lists.at(0).second >= 2, "settings", "expected ", names,
                    " of the same two or more networks, got ", sizes);
}

/// Throws ValueError naming the setting where two of its numbers have one name(number), by which their files and rows
/// are told apart.
template <class Name>
void check_names(const char* setting, const std::vector<double>& numbers, const Name& name) {
  std::map<std::string, double> named;
  for (const double number : numbers) {
    const auto [first, is_new] = named.emplace(name(number), number);
    check<ValueError>(is_new, "setting", setting, " has ", exact_number(first->second), " and ", exact_number(number),
                      ", expected numbers that differ in their first six digits");
  }
}

/// Throws ValueError naming the setting where its list has something twice, which would be done twice over.
template <class Value>
void check_each_once(const char* setting, std::vector<Value> list) {
  std::ranges::sort(list);
  const auto twice = std::ranges::adjacent_find(list);
  if (twice != list.end()) throw ValueError(message("setting: ", setting, " has ", *twice, " twice, expected it once"));
}

/// The settings of a name among `presets`. Throws ValueError naming those that there are.
template <Settings S>
S preset_named(const std::vector<S>& presets, const std::string& name) {
  std::vector<std::string> names;
  for (const S& settings : presets) {
    if (settings.preset == name) return settings;
    names.push_back(settings.preset);
  }
  throw ValueError(unknown_name("preset", name, names));
}

/// A table of all settings in Markdown.
template <Settings S>
std::string settings_page(const std::string& title, const S& defaults = {}) {
  std::string page = "## " + title + "\n\n| setting | default | may be | meaning |\n|---|---|---|---|\n";
  S::visit(defaults, [&](const char* name, const auto& value, const auto& legal, const char* help) {
    page += message("| `", name, "` | `", nlohmann::json(value).dump(), "` | ",
                    detail::kind_of_setting<std::decay_t<decltype(value)>>(legal), " | ", help, " |\n");
  });
  return page;
}

}  // namespace paser::experiment
#include "paser/core/macros_on.inc"
