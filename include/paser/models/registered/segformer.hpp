#pragma once
#include "paser/core/macros_off.inc"

#include "paser/io/config.hpp"
#include "paser/models/registry.hpp"
#include "paser/models/zoo/segformer.hpp"

/// \file
/// Makes the name "segformer" known to the registry. Its settings are those of SegFormerSpec. "in" and "classes" are
/// required, and either "size" ("B0" .. "B5") or "depths", "widths", "heads" and "decoder_width":
/// {"in": 3, "classes": 19, "size": "B0"}. "convention" is "hugging_face" or "nvlabs".
namespace paser::models {

/// Makes SegFormers from JSON.
template <class T>
struct SegFormerMaker {
  /// Throws FormatError that names the setting which is unknown, missing or wrong.
  static SegFormerSpec read(const std::string& json);
  static AnySegmenter<T> make(const std::string& json, Key key) { return SegFormer<T>(read(json), key); }
  static Index parameters(const std::string& json) { return read(json).parameters(); }
};

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
      options.require("depths", spec.depths);
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

#ifdef PASER_COMPILED  // these are in the library, so that a program need not compile them again
extern template struct SegFormerMaker<float>;
extern template struct SegFormerMaker<double>;
#endif

namespace detail {
inline const bool segformer_is_known =
    register_model<float>("segformer", {SegFormerMaker<float>::make, SegFormerMaker<float>::parameters}) &&
    register_model<double>("segformer", {SegFormerMaker<double>::make, SegFormerMaker<double>::parameters});
}  // namespace detail

}  // namespace paser::models
#include "paser/core/macros_on.inc"
