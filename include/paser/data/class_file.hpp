#pragma once
#include "paser/core/macros_off.inc"

#include <cstdint>

#include "paser/data/label_encoding.hpp"
#include "paser/io/json.hpp"

/// Files that name the classes of masks and give their colours or values.
namespace paser::data {

namespace detail {

/// One entry: a name, and a value or a colour.
struct ClassEntry {
  std::string name;
  std::vector<std::uint64_t> numbers;  ///< 1: a value; 3: red, green, blue
};

/// "#rrggbb" as three numbers; empty when the text is something else.
inline std::vector<std::uint64_t> hex_colour(std::string_view text) {
  std::uint64_t value = 0;
  if (text.size() != 7 || text[0] != '#') return {};
  const auto [end, error] = std::from_chars(text.data() + 1, text.data() + 7, value, 16);
  if (error != std::errc{} || end != text.data() + 7) return {};
  return {value >> 16, value >> 8 & 255, value & 255};
}

inline bool is_number(std::string_view word) {
  return !word.empty() && word.size() <= 9 && std::ranges::all_of(word, [](char c) { return c >= '0' && c <= '9'; });
}

inline constexpr std::string_view word_ends = " \t,";  ///< of the words of a line

/// Where the cell ends that a text begins with, in quotation marks as in CSV, in which two stand for one; npos where it
/// does not end, or goes on behind them.
inline std::size_t quoted_end(std::string_view text) {
  std::size_t end = text.find('"', 1);
  while (end != text.npos && text.substr(end + 1, 1) == "\"") end = text.find('"', end + 2);
  if (end == text.npos) return end;
  ++end;
  return end == text.size() || word_ends.find(text[end]) != word_ends.npos ? end : text.npos;
}

/// What stands in such a cell.
inline std::string unquoted(std::string_view cell) {
  std::string text;
  for (std::size_t i = 1; i + 1 < cell.size(); ++i) {
    text += cell[i];
    if (cell[i] == '"') ++i;
  }
  return text;
}

/// A line of a class file in text form, which is not empty; throws FormatError with its number. As a template, this and
/// its neighbours are compiled by those alone who read class files.
template <class Text>
ClassEntry class_line(const Text& line, Index number, const std::string& origin) {
  std::vector<std::string> all;
  bool quoted = false;
  for (auto rest = std::string_view(line); !rest.empty();) {
    const bool cell = rest[0] == '"';
    const auto end = cell ? quoted_end(rest) : std::min(rest.find_first_of(word_ends), rest.size());
    if (end == rest.npos)
      check<FormatError>(false, origin.c_str(), "line ", number, " is '", excerpt(line),
                         "', with a quotation mark that is not closed before a comma, a blank or the line's end");
    if (end > 0) all.push_back(cell ? unquoted(rest.substr(0, end)) : std::string(rest.substr(0, end)));
    quoted = quoted || (cell && !is_number(all.back()) && hex_colour(all.back()).empty());
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  ClassEntry entry;
  const bool leading = !all.empty() && is_number(all.front());
  const auto trailing = std::find_if_not(all.rbegin(), all.rend(), is_number) - all.rbegin();
  bool ambiguous = false;
  if (!all.empty() && !hex_colour(all.back()).empty()) {
    entry.numbers = hex_colour(all.back());
    all.pop_back();
    ambiguous = leading;
  } else {
    const auto until = leading ? std::ranges::find_if_not(all, is_number) - all.begin() : trailing;
    const auto begin = leading ? all.begin() : all.end() - until;
    for (auto word = begin; word != begin + until; ++word) entry.numbers.push_back(std::stoull(*word));
    all.erase(begin, begin + until);
    ambiguous = leading && !all.empty() && trailing == 3;
  }
  check<FormatError>(!quoted || all.size() == 1, origin.c_str(), "line ", number, " is '", excerpt(line),
                     "', with a part of the name between quotation marks; expected them around all of it");
  for (const std::string& word : all) entry.name += (entry.name.empty() ? "" : " ") + word;
  check<FormatError>(!ambiguous, origin.c_str(), "line ", number, " is '", excerpt(line),
                     "', with numbers before the name and a colour behind it; expected one of the two");
  check<FormatError>(!entry.name.empty() && (entry.numbers.size() == 1 || entry.numbers.size() == 3), origin.c_str(),
                     "line ", number, " is '", excerpt(line), "', expected a name and a value, R G B or #rrggbb");
  return entry;
}

template <class Text>
std::vector<ClassEntry> text_classes(const Text& text, const std::string& origin) {
  std::vector<ClassEntry> entries;
  io::each_line(text, [&](std::string_view line, Index number) {
    if (line[0] != '#') {
      entries.push_back(class_line(line, number, origin));
      return;
    }
    const auto first = line.substr(0, line.find_first_of(word_ends));
    check<FormatError>(first.size() == line.size() || hex_colour(first).empty(), origin.c_str(), "line ", number,
                       " is '", excerpt(line),
                       "', a remark that starts with a colour; expected the name of a class before it");
  });
  return entries;
}

template <class Text, class Json = nlohmann::json>
std::vector<ClassEntry> json_classes(const Text& text, const std::string& origin) {
  const Json document = io::parse_json<Json>(text, origin, {.comments = true});
  const Json& list = document.is_object() && document.contains("classes") ? document["classes"] : document;
  check<FormatError>(list.is_array(), origin.c_str(), "expected a list of classes, or an object with 'classes'");
  std::vector<ClassEntry> entries;
  for (const auto& item : list) {
    ClassEntry entry;
    const auto demand = [&](bool ok) {
      if (ok) return;
      throw FormatError(
          message(origin, ": the class ", excerpt(item.dump()),
                  " is not of the form {\"name\": \"road\", \"colour\": [128, 64, 128]}, whose numbers are whole and ",
                  "not negative; instead of the colour, \"#804080\" or \"value\": 3 will do"));
    };
    const auto add_number = [&](const Json& n) {
      demand(n.is_number_unsigned());
      entry.numbers.push_back(n.template get<std::uint64_t>());
    };
    demand(item.is_object() && item.size() == 2 && item.contains("name") && item["name"].is_string());
    entry.name = item["name"].template get<std::string>();
    for (const char* key : {"colour", "color", "value"}) {
      if (!item.contains(key)) continue;
      const auto& given = item[key];
      if (given.is_string())
        entry.numbers = hex_colour(given.template get<std::string>());
      else if (given.is_array())
        for (const auto& n : given) add_number(n);
      else
        add_number(given);
      demand(entry.numbers.size() == (key[0] == 'v' ? 1u : 3u));
    }
    demand(!entry.name.empty() && !entry.numbers.empty());
    entries.push_back(entry);
  }
  return entries;
}

/// Throws FormatError when a name cannot stand in the files and on the terminals that it will come to.
template <class Text>
void check_class_name(const Text& name, const std::string& origin) {
  check<FormatError>(find_not_utf8(name) == std::string_view::npos, origin.c_str(), "the class '", excerpt(name),
                     "' is not UTF-8; save the file in that encoding");
  check<FormatError>(visible(name) == name, origin.c_str(), "the class '", excerpt(name), "' has a control character");
  check<FormatError>(name.size() <= longest_class_name, origin.c_str(), "the class '", excerpt(name),
                     "' has a name of ", name.size(), " bytes, expected at most ", longest_class_name);
}

template <class Value, class Convert>
LabelEncoding named_map(const std::vector<ClassEntry>& entries, const Convert& convert) {
  std::vector<std::pair<std::string, std::vector<Value>>> classes;
  std::vector<Value> ignored;
  for (const ClassEntry& entry : entries) {
    const Value value = convert(entry.numbers);
    if (entry.name == "ignore") {
      ignored.push_back(value);
      continue;
    }
    auto known = std::ranges::find(classes, entry.name, [](const auto& c) { return c.first; });
    if (known == classes.end()) {
      check<ValueError>(classes.size() < ignored_label, "class file", "has over ", ignored_label,
                        " classes, the last '", excerpt(entry.name), "'");
      known = classes.insert(known, {entry.name, {}});
    }
    known->second.push_back(value);
  }
  check<ValueError>(!classes.empty(), "class file", "names no class but 'ignore'");
  return LabelEncoding::named(classes, ignored);
}

/// The map of entries that all have a value, or all a colour.
template <class Entries>
LabelEncoding class_map(const Entries& entries) {
  if (entries.front().numbers.size() == 1)
    return named_map<std::uint16_t>(entries, [](const auto& n) { return static_cast<std::uint16_t>(n[0]); });
  return named_map<io::Colour>(entries, [](const auto& n) {
    return io::Colour{static_cast<std::uint8_t>(n[0]), static_cast<std::uint8_t>(n[1]),
                      static_cast<std::uint8_t>(n[2])};
  });
}

}  // namespace detail

/// The map of a class file. Text has one class a line, numbered from 0 in the order of the lines: a name with a value
/// (`crack 3`), a colour (`road 128 64 128`, or the numbers first) or `road #804080`, divided by blanks or commas; a
/// name with commas stands between quotation marks, as in CSV; lines that start with # and empty ones are skipped. JSON
/// is a list, or an object with the list "classes", of {"name": "road", "colour": [128,64,128]} or {"name": "crack",
/// "value": 3}. A name that comes again gives its class another colour; the name `ignore` means pixels that take no
/// part. Byte order marks and line ends are taken as io::plain_text does; names are UTF-8 without control characters,
/// of at most longest_class_name bytes. `origin` is the file's name for messages. Throws FormatError on other content,
/// also where a colour is given twice or there are over 255 classes.
template <class Text = std::string>
LabelEncoding parse_class_file(const Text& written, const std::string& origin) {
  const std::string text = io::plain_text(written, origin);
  const auto start = text.find_first_not_of(" \t\r\n");
  const bool json = start != text.npos && (text[start] == '[' || text[start] == '{');
  const auto entries = json ? detail::json_classes(text, origin) : detail::text_classes(text, origin);
  check<FormatError>(!entries.empty(), origin.c_str(), "names no class");
  const std::size_t numbers = entries.front().numbers.size();
  for (const auto& entry : entries) {
    detail::check_class_name(entry.name, origin);
    check<FormatError>(entry.numbers.size() == numbers, origin.c_str(), "'", excerpt(entry.name),
                       "' mixes values with colours; expected one kind for all classes");
    for (const std::uint64_t n : entry.numbers)
      check<FormatError>(n <= (numbers == 3 ? 255u : 65535u), origin.c_str(), "'", excerpt(entry.name), "' has ", n,
                         ", expected 0 .. ", numbers == 3 ? 255 : 65535);
  }
  try {
    return detail::class_map(entries);
  } catch (const ValueError& error) {
    throw FormatError(message(origin, ": ", error.what()));
  }
}

/// Reads a class file; throws as parse_class_file and io::read_text.
template <class File = io::Path>
LabelEncoding read_class_file(const File& path) {
  return parse_class_file(io::read_text(path), io::Path(path).string());
}

}  // namespace paser::data
#include "paser/core/macros_on.inc"
