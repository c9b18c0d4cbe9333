#pragma once
#include "paser/core/macros_off.inc"

#include "paser/models/registry.hpp"

/// \file
/// Makes the name "segformer" known to the registry. Its settings are those of SegFormerSpec. "in" and "classes" are
/// required, and either "size" ("B0" .. "B5") or "depths", "widths", "heads" and "decoder_width":
/// {"in": 3, "classes": 19, "size": "B0"}. "convention" is "hugging_face" or "nvlabs".
namespace paser::models {

struct SegFormerSpec;

/// Makes SegFormers from JSON.
template <class T>
struct SegFormerMaker {
  /// Throws FormatError that names the setting which is unknown, missing or wrong.
  static SegFormerSpec read(const std::string& json);
  static AnySegmenter<T> make(const std::string& json, Key key);
  static Index parameters(const std::string& json);
};

#ifdef PASER_COMPILED  // the makers are in the library, so that a program need not compile the network
extern template struct SegFormerMaker<float>;
extern template struct SegFormerMaker<double>;
#endif

namespace detail {
inline const bool segformer_is_known = register_maker<SegFormerMaker>("segformer");
}  // namespace detail

}  // namespace paser::models

#ifndef PASER_COMPILED
#include "paser/models/registered/makers/segformer.hpp"
#endif
#include "paser/core/macros_on.inc"
