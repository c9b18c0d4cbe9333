#pragma once
#include "paser/core/macros_off.inc"

#include "paser/models/registry.hpp"

/// \file
/// Makes the name "deeplabv3plus" known to the registry. Its settings are those of DeepLabV3PlusSpec; "in", "classes",
/// "convention" ("vainf" or "smp") and "backbone" ("resnet34", "resnet50", "resnet101" or "mobilenetv2") are required:
/// {"in": 3, "classes": 19, "convention": "smp", "backbone": "resnet50", "output_stride": 16, "rates": [12, 24, 36]}.
namespace paser::models {

struct DeepLabV3PlusSpec;

/// Makes DeepLabV3+ from JSON.
template <class T>
struct DeepLabV3PlusMaker {
  /// Throws FormatError that names the setting which is unknown, missing or wrong.
  static DeepLabV3PlusSpec read(const std::string& json);
  static AnySegmenter<T> make(const std::string& json, Key key);
  static Index parameters(const std::string& json);
};

#ifdef PASER_COMPILED  // the makers are in the library, so that a program need not compile the network
extern template struct DeepLabV3PlusMaker<float>;
extern template struct DeepLabV3PlusMaker<double>;
#endif

namespace detail {
inline const bool deeplabv3plus_is_known = register_maker<DeepLabV3PlusMaker>("deeplabv3plus");
}  // namespace detail

}  // namespace paser::models

#ifndef PASER_COMPILED
#include "paser/models/registered/makers/deeplabv3plus.hpp"
#endif
#include "paser/core/macros_on.inc"
