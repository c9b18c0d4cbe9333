#pragma once

#include <string>

#include "paser/core/error.hpp"

/// The sentence of the FormatError that f() throws; empty when it throws none.
template <class F>
std::string refusal(const F& f) {
  try {
    (void)f();
  } catch (const paser::FormatError& error) {
    return error.what();
  }
  return "";
}
