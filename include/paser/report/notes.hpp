#pragma once
#include "paser/core/macros_off.inc"

#include <iostream>

/// Where programs say what goes on beside their results.
namespace paser::report {

/// Whether this process keeps progress and notes to itself: the option --quiet of the programs.
inline bool& quiet() {
  static bool asked = false;
  return asked;
}

/// Standard error for progress and notes; nowhere while quiet() is asked for. Errors and warnings go to std::cerr,
/// where nothing silences them.
inline std::ostream& notes() {
  static std::ostream nowhere(nullptr);
  return quiet() ? nowhere : std::cerr;
}

}  // namespace paser::report
#include "paser/core/macros_on.inc"
