#pragma once
#include "paser/core/macros_off.inc"

#include "paser/io/config.hpp"
#include "paser/models/registry.hpp"
#include "paser/models/zoo/efficientvit.hpp"

/// \file
/// Makes the name "efficientvit" known to the registry. Its settings are those of EfficientViTSpec. "in" and "classes"
/// are required, and either "size" ("B0" .. "B3", "L1" or "L2", with "head" "cityscapes" or "ade20k") or "family" ("B"
/// or "L"), "widths", "depths", "head_features", "head_width", "head_depth", "head_expand" and "final_expand":
/// {"in": 3, "classes": 19, "size": "B1"}.
namespace paser::models {

/// Makes EfficientViTs from JSON.
template <class T>
struct EfficientViTMaker {
  /// Throws FormatError that names the setting which is unknown, missing or wrong.
  static EfficientViTSpec read(const std::string& json);
  static AnySegmenter<T> make(const std::string& json, Key key) { return EfficientViT<T>(read(json), key); }
  static Index parameters(const std::string& json) { return read(json).parameters(); }
};

template <class T>
EfficientViTSpec EfficientViTMaker<T>::read(const std::string& json) {
  constexpr const char* where = "model 'efficientvit'";
  auto options = io::ConfigReader::from_text(json, where);
  EfficientViTSpec spec;
  std::string size, head = "cityscapes", family;
  options.require("in", spec.in);
  options.require("classes", spec.classes);
  try {
    if (options.read("size", size)) {
      options.read("head", head);
      spec = EfficientViTSpec::of_size(size, spec.in, spec.classes, head);
    } else {
      options.require("family", family);
      options.require("widths", spec.widths);
      options.require("depths", spec.depths);
      options.require("head_features", spec.head_features);
      options.require("head_width", spec.head_width);
      options.require("head_depth", spec.head_depth);
      options.require("head_expand", spec.head_expand);
      options.require("final_expand", spec.final_expand);
      spec.family = family == "L" ? EfficientViTFamily::l : EfficientViTFamily::b;
      check<ValueError>(family == efficientvit_family_name(spec.family), "EfficientViT", "its family is '", family,
                        "', expected 'B' or 'L'");
    }
    options.read("expand", spec.expand);
    options.read("dropout", spec.dropout);
    options.finish();
    spec.check_numbers();
  } catch (const ValueError& error) {
    throw FormatError(message(where, ": ", error.what()));
  }
  return spec;
}

#ifdef PASER_COMPILED  // these are in the library, so that a program need not compile them again
extern template struct EfficientViTMaker<float>;
extern template struct EfficientViTMaker<double>;
#endif

namespace detail {
inline const bool efficientvit_is_known =
    register_model<float>("efficientvit", {EfficientViTMaker<float>::make, EfficientViTMaker<float>::parameters}) &&
    register_model<double>("efficientvit", {EfficientViTMaker<double>::make, EfficientViTMaker<double>::parameters});
}  // namespace detail

}  // namespace paser::models
#include "paser/core/macros_on.inc"
