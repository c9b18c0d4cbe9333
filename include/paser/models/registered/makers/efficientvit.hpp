#pragma once
#include "paser/core/macros_off.inc"

#include "paser/io/config.hpp"
#include "paser/models/registered/efficientvit.hpp"
#include "paser/models/zoo/efficientvit.hpp"

namespace paser::models {

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
      check<FormatError>(options.read("family", family), where,
                         "its \"size\" is missing, expected one of \"B0\" .. \"B3\", \"L1\" and \"L2\", such as "
                         "efficientvit:{\"in\":",
                         spec.in, ",\"classes\":", spec.classes,
                         ",\"size\":\"B0\"}; or family, widths, depths, and the head's numbers");
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

template <class T>
AnySegmenter<T> EfficientViTMaker<T>::make(const std::string& json, Key key) {
  return EfficientViT<T>(read(json), key);
}

template <class T>
Index EfficientViTMaker<T>::parameters(const std::string& json) {
  return read(json).parameters();
}

}  // namespace paser::models
#include "paser/core/macros_on.inc"
