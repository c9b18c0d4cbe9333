#pragma once
#include "paser/core/macros_off.inc"

#include "paser/models/registry.hpp"

/// \file
/// Makes the name "unet" known to the registry. Its settings are those of UNetSpec, all of them required but
/// the last: {"in": 1, "classes": 3, "width": 8, "depth": 2, "dropout": 0.5, "upsampling": "bilinear" or "transposed",
/// "norm": "instance" or "batch"}.
namespace paser::models {

struct UNetSpec;

/// Makes UNets from JSON.
template <class T>
struct UNetMaker {
  /// Throws FormatError that names the setting which is unknown, missing or wrong.
  static UNetSpec read(const std::string& json);
  static AnySegmenter<T> make(const std::string& json, Key key);
  static Index parameters(const std::string& json);
};

#ifdef PASER_COMPILED  // the makers are in the library, so that a program need not compile the network
extern template struct UNetMaker<float>;
extern template struct UNetMaker<double>;
#endif

namespace detail {
inline const bool unet_is_known = register_maker<UNetMaker>("unet");
}  // namespace detail

}  // namespace paser::models

#ifndef PASER_COMPILED
#include "paser/models/registered/makers/unet.hpp"
#endif
#include "paser/core/macros_on.inc"
