#pragma once
#include "paser/core/macros_off.inc"

#include <algorithm>
#include <string>
#include <vector>

#include "paser/core/text.hpp"
#include "paser/data/label_encoding.hpp"

/// The names of classes, where data and a model both have them: a number alone does not say that a class is the same.
namespace paser::data {

/// The names of an encoding's classes, as far as its rules name classes.
inline std::vector<std::string> class_names(const LabelEncoding& map) {
  std::vector<std::string> names;
  for (Index k = 0; k < map.classes(); ++k) names.push_back(map.name(k));
  return names;
}

/// Whether somebody has named the classes; otherwise each is called after its number, see LabelEncoding::name.
inline bool have_names(const std::vector<std::string>& classes) {
  for (std::size_t k = 0; k < classes.size(); ++k)
    if (classes[k] != LabelEncoding::index().name(static_cast<Index>(k))) return true;
  return false;
}

/// How the classes of data compare with those of a model.
enum class SameClasses {
  yes,        ///< all that have names have the same; classes may be missing at the end
  reordered,  ///< the same names in another order
  no          ///< other names
};

/// Compares the names of data's classes with those of a model's. Where one of the two has no names, nothing speaks
/// against their being the same.
inline SameClasses same_classes(std::vector<std::string> data, std::vector<std::string> model) {
  if (!have_names(data) || !have_names(model)) return SameClasses::yes;
  if (data.size() <= model.size() && std::equal(data.begin(), data.end(), model.begin())) return SameClasses::yes;
  std::sort(data.begin(), data.end());
  std::sort(model.begin(), model.end());
  return data == model ? SameClasses::reordered : SameClasses::no;
}

/// "'pore', 'metal'", for messages; of many the first ones.
inline std::string listed_classes(const std::vector<std::string>& classes) {
  constexpr std::size_t most = 20;
  std::string text;
  for (std::size_t k = 0; k < std::min(classes.size(), most); ++k)
    text += message(k > 0 ? ", '" : "'", excerpt(classes[k]), "'");
  return classes.size() > most ? text + message(" and ", classes.size() - most, " more") : text;
}

}  // namespace paser::data
#include "paser/core/macros_on.inc"
