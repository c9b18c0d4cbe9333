#pragma once
#include "paser/core/macros_off.inc"

#include "paser/io/config.hpp"
#include "paser/models/registered/segformer.hpp"
#include "paser/models/zoo/segformer.hpp"

namespace paser::models {

template <class T>
SegFormerSpec SegFormerMaker<T>::read(const std::string& json) {
  constexpr const char* where = "model 'segformer'";
  auto options = io::ConfigReader::from_text(json, where);
  SegFormerSpec spec;
  std::string size, convention = segformer_convention_name(spec.convention);
  options.require("in", spec.in);
  options.require("classes", spec.classes);
  try {
    if (options.read("size", size)) {
      spec = SegFormerSpec::of_size(size, spec.in, spec.classes);
    } else {
      check<FormatError>(
          options.read("depths", spec.depths), where,
          "its \"size\" is missing, expected one of \"B0\" .. \"B5\", such as segformer:{\"in\":", spec.in,
          ",\"classes\":", spec.classes, ",\"size\":\"B0\"}; or all of depths, widths, heads and decoder_width");
      options.require("widths", spec.widths);
      options.require("heads", spec.heads);
      options.require("decoder_width", spec.decoder_width);
    }
    options.read("reductions", spec.reductions);
    options.read("mlp_ratios", spec.mlp_ratios);
    options.read("convention", convention);
    options.read("dropout", spec.dropout);
    options.read("drop_path", spec.drop_path);
    options.finish();
    spec.convention = convention == "nvlabs" ? SegFormerConvention::nvlabs : SegFormerConvention::hugging_face;
    check<ValueError>(convention == segformer_convention_name(spec.convention), "SegFormer", "its convention is '",
                      convention, "', expected 'hugging_face' or 'nvlabs'");
    spec.check_numbers();
  } catch (const ValueError& error) {
    throw FormatError(message(where, ": ", error.what()));
  }
  return spec;
}

template <class T>
AnySegmenter<T> SegFormerMaker<T>::make(const std::string& json, Key key) {
  return SegFormer<T>(read(json), key);
}

template <class T>
Index SegFormerMaker<T>::parameters(const std::string& json) {
  return read(json).parameters();
}

}  // namespace paser::models
#include "paser/core/macros_on.inc"
