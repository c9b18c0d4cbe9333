#pragma once
#include "paser/core/macros_off.inc"

#include <charconv>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "paser/io/decoded_image.hpp"

namespace paser::data {

/// The label of pixels that take no part in losses and metrics: for CrossEntropyOptions::ignore_index and the `ignored`
/// of the metrics.
inline constexpr std::int32_t ignored_label = 255;

/// The most bytes that the name of a class may have: names come to tables and terminals.
inline constexpr std::size_t longest_class_name = 1000;

/// What the samples of a mask mean.
enum class MaskCoding {
  index,   ///< the number that is stored is the class; of palette images, the number of the colour
  values,  ///< stored numbers are mapped to classes
  colours  ///< RGB colours are mapped to classes
};

/// Which class a mask's value or colour stands for. Values that no rule names have no class; nothing is guessed.
class LabelEncoding {
 public:
  static constexpr std::int32_t unknown = -1;

  /// Every value is its own class. `classes` 0: as many as the masks turn out to hold.
  /// Throws ValueError on more than 255, since label 255 is that of ignored pixels.
  static LabelEncoding index(Index classes = 0) {
    LabelEncoding map;
    map.set_classes(classes);
    return map;
  }

  /// The paper's battery masks: black is pore 0, white carbon 1, every gray between nickel 2.
  static LabelEncoding battery() {
    LabelEncoding map = parse("0:0,255:1,*:2");
    map.names_ = {"pore", "carbon", "nickel"};
    return map;
  }

  /// The labelIds of Cityscapes (Cordts et al. 2016) as the 19 classes that are trained and judged; all others take no
  /// part.
  static LabelEncoding cityscapes() {
    LabelEncoding map = parse(
        "7:0,8:1,11:2,12:3,13:4,17:5,19:6,20:7,21:8,22:9,23:10,24:11,25:12,26:13,27:14,28:15,31:16,32:17,33:18,"
        "*:ignore");
    map.names_ = {"road",         "sidewalk",   "building", "wall",       "fence",  "pole",  "traffic light",
                  "traffic sign", "vegetation", "terrain",  "sky",        "person", "rider", "car",
                  "truck",        "bus",        "train",    "motorcycle", "bicycle"};
    return map;
  }

  /// A map from text: "battery", "cityscapes", or rules with commas between.
  ///
  ///   0:0,255:1,*:2       value 0 is class 0, 255 is class 1, every other value class 2
  ///   1-9:0,10:1          a range of values
  ///   0:ignore,1:0,2:1    value 0 takes no part
  ///   index               the value is the class; index:5 of exactly 5 classes
  ///   index:11,11:ignore  the value is the class, except for 11
  ///
  /// Throws ValueError with the rule that is wrong, also where one names a class that index:N does not have.
  static LabelEncoding parse(const std::string& text) {
    if (text == "battery") return battery();
    if (text == "cityscapes") return cityscapes();
    LabelEncoding map;
    map.coding_ = text.starts_with("index") ? MaskCoding::index : MaskCoding::values;
    bool first = true;
    for (std::size_t begin = 0; begin <= text.size();) {
      const std::size_t end = std::min(text.find(',', begin), text.size());
      map.add_rule(trimmed(std::string_view(text).substr(begin, end - begin)), first, text);
      begin = end + 1;
      first = false;
    }
    map.check_complete(text);
    return map;
  }

  /// A map from names with the values, or the colours, that stand for them; class k is the k-th name. `ignored` values
  /// or colours take no part. Throws ValueError when a value occurs twice.
  template <class Value>
  static LabelEncoding named(const std::vector<std::pair<std::string, std::vector<Value>>>& classes,
                             const std::vector<Value>& ignored) {
    LabelEncoding map;
    map.coding_ = std::is_same_v<Value, io::Colour> ? MaskCoding::colours : MaskCoding::values;
    map.set_classes(static_cast<Index>(classes.size()));
    for (std::size_t k = 0; k < classes.size(); ++k) {
      map.names_.push_back(classes[k].first);
      for (const Value& value : classes[k].second) map.add(value, static_cast<std::int32_t>(k));
    }
    for (const Value& value : ignored) map.add(value, ignored_label);
    return map;
  }

  MaskCoding coding() const { return coding_; }  ///< How the masks give the class.
  /// 0: unknown until the masks are seen.
  Index classes() const { return classes_; }
  /// Whether values that are not named have a class.
  bool has_rest() const { return rest_ != unknown; }

  /// The largest value that a rule names; 0 without one.
  std::uint16_t largest_value() const { return values_.empty() ? std::uint16_t{0} : values_.rbegin()->first; }

  /// "pore", or "class 3" where no name was given.
  std::string name(Index k) const {
    const auto i = static_cast<std::size_t>(k);
    return i < names_.size() ? names_[i] : message("class ", k);
  }

  /// The same map for this number of classes. Throws ValueError when the rules name more.
  LabelEncoding with_classes(Index classes) const {
    LabelEncoding map = *this;
    check<ValueError>(classes >= classes_ || coding_ == MaskCoding::index, "label encoding", "its rules name ",
                      classes_, " classes, expected at most ", classes);
    map.set_classes(classes);
    for (const auto& [value, label] : map.values_)
      check<ValueError>(map.has_class(label), "label encoding", "the rule for the value ", value, " names class ",
                        label, ", expected one of 0 .. ", classes - 1);
    return map;
  }

  /// The class of a stored value: 0 .., ignored_label, or unknown.
  std::int32_t of_value(std::uint16_t value) const {
    if (const auto found = values_.find(value); found != values_.end()) return found->second;
    if (coding_ != MaskCoding::index) return rest_;
    return value < (classes_ > 0 ? classes_ : Index{ignored_label}) ? std::int32_t{value} : unknown;
  }

  /// The class of a colour: 0 .., ignored_label, or unknown.
  std::int32_t of_colour(const io::Colour& colour) const {
    const auto found = colours_.find(colour);
    return found == colours_.end() ? unknown : found->second;
  }

 private:
  static std::string_view trimmed(std::string_view text) {
    while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
    while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
    return text;
  }

  template <class... Parts>
  static void require(bool ok, const std::string& text, const Parts&... parts) {
    if (ok) return;
    throw ValueError(
        message("label encoding '", text, "': ", parts...,
                "; expected rules VALUE:CLASS such as 0:0,255:1,*:2 (or 1-9:0, 7:ignore, index, battery, cityscapes)"));
  }

  /// A whole number up to `most`.
  static Index number(std::string_view digits, Index most, const std::string& text) {
    Index value = -1;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    require(error == std::errc{} && end == digits.data() + digits.size() && value >= 0 && value <= most, text, "'",
            digits, "' is not a whole number of 0 .. ", most);
    return value;
  }

  /// Whether a label is that of a class, or of ignored pixels.
  bool has_class(std::int32_t label) const { return classes_ == 0 || label < classes_ || label == ignored_label; }

  void set_classes(Index classes) {
    check<ValueError>(classes >= 0 && classes <= ignored_label, "label encoding", classes,
                      " classes; at most 255, since label 255 is that of ignored pixels");
    classes_ = classes;
  }

  void add_rule(std::string_view rule, bool first, const std::string& text) {
    const std::size_t colon = rule.find(':');
    const std::string_view from = rule.substr(0, colon);
    if (first && from == "index") {
      if (colon != rule.npos) set_classes(number(rule.substr(colon + 1), ignored_label, text));
      return;
    }
    require(colon != rule.npos, text, "the rule '", rule, "' has no colon");
    const std::string_view to = rule.substr(colon + 1);
    const std::int32_t label =
        to == "ignore" ? ignored_label : static_cast<std::int32_t>(number(to, ignored_label - 1, text));
    require(coding_ == MaskCoding::values || has_class(label), text, "the rule '", rule,
            "' names a class that is not one of 0 .. ", classes_ - 1);
    if (coding_ == MaskCoding::values && label != ignored_label) classes_ = std::max(classes_, Index{label} + 1);
    if (from == "*") {
      require(coding_ == MaskCoding::values && !has_rest(), text, "there is more than one rule for all other values");
      rest_ = label;
      return;
    }
    const std::size_t dash = from.find('-');
    const Index low = number(from.substr(0, dash), 65535, text);
    const Index high = dash == from.npos ? low : number(from.substr(dash + 1), 65535, text);
    require(low <= high, text, "the range '", from, "' is empty");
    for (Index value = low; value <= high; ++value) {
      const bool added = values_.emplace(static_cast<std::uint16_t>(value), label).second;
      require(added, text, "value ", value, " has two rules");
    }
  }

  void check_complete(const std::string& text) const {
    if (coding_ == MaskCoding::index) return;
    require(classes_ > 0, text, "it has no class");
    for (std::int32_t k = 0; k < classes_; ++k) {
      bool named = rest_ == k;
      for (const auto& [value, label] : values_) named = named || label == k;
      require(named, text, "class ", k, " of 0 .. ", classes_ - 1, " has no value");
    }
  }

  void add(std::uint16_t value, std::int32_t label) {
    const bool added = values_.emplace(value, label).second;
    check<ValueError>(added, "label encoding", "value ", value, " is given twice");
  }
  void add(const io::Colour& colour, std::int32_t label) {
    const bool added = colours_.emplace(colour, label).second;
    check<ValueError>(added, "label encoding", "colour (", int{colour[0]}, ",", int{colour[1]}, ",", int{colour[2]},
                      ") is given twice");
  }

  MaskCoding coding_ = MaskCoding::index;
  Index classes_ = 0;
  std::vector<std::string> names_;
  std::map<std::uint16_t, std::int32_t> values_;
  std::map<io::Colour, std::int32_t> colours_;
  std::int32_t rest_ = unknown;
};

}  // namespace paser::data
#include "paser/core/macros_on.inc"
