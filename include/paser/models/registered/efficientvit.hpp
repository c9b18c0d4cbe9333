#pragma once
#include "paser/core/macros_off.inc"

#include "paser/models/registry.hpp"

/// \file
/// Makes the name "efficientvit" known to the registry. Its settings are those of EfficientViTSpec. "in" and "classes"
/// are required, and either "size" ("B0" .. "B3", "L1" or "L2", with "head" "cityscapes" or "ade20k") or "family" ("B"
/// or "L"), "widths", "depths", "head_features", "head_width", "head_depth", "head_expand" and "final_expand":
/// {"in": 3, "classes": 19, "size": "B1"}.
namespace paser::models {

struct EfficientViTSpec;

/// Makes EfficientViTs from JSON.
template <class T>
struct EfficientViTMaker {
  /// Throws FormatError that names the setting which is unknown, missing or wrong.
  static EfficientViTSpec read(const std::string& json);
  static AnySegmenter<T> make(const std::string& json, Key key);
  static Index parameters(const std::string& json);
};

#ifdef PASER_COMPILED  // the makers are in the library, so that a program need not compile the network
extern template struct EfficientViTMaker<float>;
extern template struct EfficientViTMaker<double>;
#endif

namespace detail {
inline const bool efficientvit_is_known = register_maker<EfficientViTMaker>("efficientvit");
}  // namespace detail

}  // namespace paser::models

#ifndef PASER_COMPILED
#include "paser/models/registered/makers/efficientvit.hpp"
#endif
#include "paser/core/macros_on.inc"
