#pragma once
#include "paser/core/macros_off.inc"

#include <exception>
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

/// What the library says of a document, without the name that it gives the error.
inline std::string json_problem(const std::exception& error) {
  const std::string text = error.what();
  const auto name = text.starts_with("[json.exception.") ? text.find("] ") : text.npos;
  return name == text.npos ? text : text.substr(name + 2);
}

namespace detail {

/// Looks through a document before it is built, in time that grows as the text does. (With a callback the library's
/// parser walks through all children of an object at the end of each of them.)
template <class Json>
class JsonWatch : public nlohmann::json_sax<Json> {
 public:
  JsonWatch(const std::string& origin, int depth) : origin_(origin), most_(depth) {}

  bool null() override { return true; }
  bool boolean(bool) override { return true; }
  bool number_integer(typename Json::number_integer_t) override { return true; }
  bool number_unsigned(typename Json::number_unsigned_t) override { return true; }
  bool number_float(typename Json::number_float_t, const std::string&) override { return true; }
  bool string(std::string& text) override {
    if (text.find('\0') == text.npos) return true;
    const std::string what = keys_.empty() || keys_.back().empty() ? "a text" : "'" + excerpt(keys_.back()) + "'";
    throw FormatError(message(origin_, ": ", what, " has a NUL, a control character that no text has"));
  }
  bool binary(typename Json::binary_t&) override { return true; }
  bool start_object(std::size_t) override {
    seen_.emplace_back();
    keys_.emplace_back();
    return deeper();
  }
  bool key(std::string& name) override {
    check<FormatError>(seen_.back().insert(name).second, origin_.c_str(), "names ", excerpt(Json(name).dump()),
                       " twice in one object");
    keys_.back() = name;
    return string(name);
  }
  bool end_object() override {
    seen_.pop_back();
    keys_.pop_back();
    --depth_;
    return true;
  }
  bool start_array(std::size_t) override { return deeper(); }
  bool end_array() override {
    --depth_;
    return true;
  }
  bool parse_error(std::size_t, const std::string&, const typename Json::exception& e) override {
    error = json_problem(e);
    return false;
  }

  std::string error;  ///< what is wrong, if something is

 private:
  bool deeper() {
    check<FormatError>(depth_++ < most_, origin_.c_str(), "is nested deeper than ", most_, " levels");
    return true;
  }

  const std::string& origin_;
  int most_, depth_ = 0;
  std::vector<std::set<std::string>> seen_;  ///< keys of each object that is open
  std::vector<std::string> keys_;            ///< the last one of each
};

}  // namespace detail

/// The document in a text, `origin` being its name for messages. Strict where readers differ: throws FormatError when
/// the text is not JSON (RFC 8259), goes on after the document, has a NUL, be it as \\u0000, which cuts names of files
/// short, names a key of an object twice, or is nested deeper than the rules allow.
template <class Json = nlohmann::json>
Json parse_json(std::string_view text, const std::string& origin, const JsonRules& rules = {}) {
  const auto nul = text.find('\0');  // the parser would take it for the end
  check<FormatError>(nul == text.npos, origin.c_str(), "is not JSON: byte ", nul, " is NUL");
  try {
    detail::JsonWatch<Json> watch(origin, rules.depth);
    if (Json::sax_parse(text.begin(), text.end(), &watch, Json::input_format_t::json, true, rules.comments))
      return Json::parse(text.begin(), text.end(), nullptr, true, rules.comments);
    throw FormatError(message(origin, ": is not JSON: ", watch.error));
  } catch (const typename Json::exception& e) {
    throw FormatError(message(origin, ": is not JSON: ", json_problem(e)));
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
