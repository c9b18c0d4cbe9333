#pragma once
#include "paser/core/macros_off.inc"

#include "paser/models/registry.hpp"

/// \file
/// Makes the name "matphase" known to the registry: a reconstruction in the manner of MatPhase, see models::MatPhase.
/// Its settings are those of MatPhaseSpec; "in" and "classes" are required: {"in": 1, "classes": 3, "width": 64,
/// "depth": 4, "dropout": 0.5, "threshold": 0.5, "patch": 15, "features": [32, 64, 128]}.
namespace paser::models {

struct MatPhaseSpec;

/// Makes MatPhases from JSON.
template <class T>
struct MatPhaseMaker {
  /// Throws FormatError that names the setting which is unknown, missing or wrong.
  static MatPhaseSpec read(const std::string& json);
  static AnySegmenter<T> make(const std::string& json, Key key);
  static Index parameters(const std::string& json);
};

#ifdef PASER_COMPILED  // the makers are in the library, so that a program need not compile the network
extern template struct MatPhaseMaker<float>;
extern template struct MatPhaseMaker<double>;
#endif

namespace detail {
inline const bool matphase_is_known = register_maker<MatPhaseMaker>("matphase");
}  // namespace detail

}  // namespace paser::models

#ifndef PASER_COMPILED
#include "paser/models/registered/makers/matphase.hpp"
#endif
#include "paser/core/macros_on.inc"
