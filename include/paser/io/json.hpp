#pragma once
#include "paser/core/macros_off.inc"

#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "paser/io/text.hpp"

/// JSON that came from elsewhere, and JSON whose strings did. These are templates so that only programs that use them
/// pay for compiling JSON.
namespace paser::io {

/// How a text is read as JSON.
struct JsonRules {
  bool comments = false;  ///< takes // and block comments, for files that people write
  int depth = 256;        ///< objects and lists within each other; what walks through deeper ones may run out of stack
};

/// The document in a text, `origin` being its name for messages. Strict where readers differ: throws FormatError when
/// the text is not JSON (RFC 8259), goes on after the document, has a NUL, names a key of an object twice, or is nested
/// deeper than the rules allow.
template <class Json = nlohmann::json>
Json parse_json(std::string_view text, const std::string& origin, const JsonRules& rules = {}) {
  const auto nul = text.find('\0');  // the parser would take it for the end
  check<FormatError>(nul == text.npos, origin.c_str(), "is not JSON: byte ", nul, " is NUL");
  std::vector<std::set<std::string>> keys;
  const auto watch = [&](int depth, typename Json::parse_event_t event, Json& parsed) {
    using Event = typename Json::parse_event_t;
    if (event == Event::object_start || event == Event::array_start)
      check<FormatError>(depth < rules.depth, origin.c_str(), "is nested deeper than ", rules.depth, " levels");
    if (event == Event::object_start) keys.emplace_back();
    if (event == Event::object_end) keys.pop_back();
    if (event == Event::key)
      check<FormatError>(keys.back().insert(parsed.template get<std::string>()).second, origin.c_str(), "names ",
                         excerpt(parsed.dump()), " twice in one object");
    return true;
  };
  try {
    return Json::parse(text.begin(), text.end(), watch, true, rules.comments);
  } catch (const typename Json::exception& e) {
    throw FormatError(message(origin, ": is not JSON: ", e.what()));
  }
}

/// A value as it is typed on a command line: JSON, or else a text without quotes.
template <class Json = nlohmann::json>
Json json_or_word(const std::string& text) {
  try {
    return parse_json<Json>(text, "value");
  } catch (const FormatError&) {
    return text;
  }
}

/// Empties a document from its leaves upwards. The destructor of a document that has children asks for memory first,
/// and ends the program where there is none.
template <class Json>
void dissolve(Json& json) noexcept {
  if (json.is_structured())
    for (Json& child : json) dissolve(child);
  json.clear();
}

/// A document that is dissolved at its end.
template <class Json>
struct Dissolving {
  Json json;
  explicit Dissolving(Json document) : json(std::move(document)) {}
  Dissolving(const Dissolving&) = delete;
  Dissolving& operator=(const Dissolving&) = delete;
  ~Dissolving() { dissolve(json); }
};

/// The document in a file that a person or a program wrote. Throws IoError when it cannot be read, FormatError as
/// read_text and parse_json.
template <class Json = nlohmann::json>
Json read_json(const Path& path, const JsonRules& rules = {}) {
  return parse_json<Json>(read_text(path), path.string(), rules);
}

namespace detail {

/// The document with every string and key as_utf8.
template <class Json>
Json json_as_utf8(const Json& json) {
  if (json.is_string()) return as_utf8(json.template get_ref<const std::string&>());
  if (!json.is_structured()) return json;
  Json valid(json.type());
  if (json.is_array())
    for (const Json& item : json) valid.push_back(json_as_utf8(item));
  else
    for (const auto& [key, value] : json.items()) valid[as_utf8(key)] = json_as_utf8(value);
  return valid;
}

}  // namespace detail

/// The document as text; `indent` as in Json::dump, `ascii` for a text of ASCII alone. Strings that are not UTF-8, as
/// names of files may be and JSON may not, are written as_utf8: no document fails to be written, and no byte is lost.
template <class Json>
std::string json_text(const Json& json, int indent = -1, bool ascii = false) {
  try {
    return json.dump(indent, ' ', ascii);
  } catch (const typename Json::type_error&) {
    return detail::json_as_utf8(json).dump(indent, ' ', ascii);
  }
}

}  // namespace paser::io
#include "paser/core/macros_on.inc"
