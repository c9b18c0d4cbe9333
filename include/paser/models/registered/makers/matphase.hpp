#pragma once
#include "paser/core/macros_off.inc"

#include "paser/io/config.hpp"
#include "paser/models/registered/matphase.hpp"
#include "paser/models/zoo/matphase.hpp"

namespace paser::models {

template <class T>
MatPhaseSpec MatPhaseMaker<T>::read(const std::string& json) {
  constexpr const char* where = "model 'matphase'";
  auto options = io::ConfigReader::from_text(json, where);
  MatPhaseSpec spec;
  options.require("in", spec.in);
  options.require("classes", spec.classes);
  options.read("width", spec.width);
  options.read("depth", spec.depth);
  options.read("dropout", spec.dropout);
  options.read("threshold", spec.threshold);
  options.read("patch", spec.patch);
  options.read("features", spec.features);
  options.finish();
  try {
    spec.check_numbers();
  } catch (const ValueError& error) {
    throw FormatError(message(where, ": ", error.what()));
  }
  return spec;
}

template <class T>
AnySegmenter<T> MatPhaseMaker<T>::make(const std::string& json, Key key) {
  return MatPhase<T>(read(json), key);
}

template <class T>
Index MatPhaseMaker<T>::parameters(const std::string& json) {
  return read(json).parameters();
}

}  // namespace paser::models
#include "paser/core/macros_on.inc"
