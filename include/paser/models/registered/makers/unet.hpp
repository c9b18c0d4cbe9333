#pragma once
#include "paser/core/macros_off.inc"

#include "paser/io/config.hpp"
#include "paser/models/registered/unet.hpp"
#include "paser/models/unet.hpp"

namespace paser::models {

template <class T>
UNetSpec UNetMaker<T>::read(const std::string& json) {
  auto options = io::ConfigReader::from_text(json, "model 'unet'");
  UNetSpec spec;
  std::string upsampling, norm = norm_name(spec.norm);
  options.require("in", spec.in);
  options.require("classes", spec.classes);
  options.require("width", spec.width);
  options.require("depth", spec.depth);
  options.require("dropout", spec.dropout);
  options.require("upsampling", upsampling);
  options.read("norm", norm);
  options.finish();
  constexpr Index most = 65536;
  check<FormatError>(spec.in >= 1 && spec.in <= most && spec.classes >= 2 && spec.classes <= most && spec.width >= 2 &&
                         spec.width <= most && spec.width % 2 == 0 && spec.depth >= 1 && spec.depth <= 10,
                     "model 'unet'", "it has ", spec.in, " channels, ", spec.classes, " classes, width ", spec.width,
                     " and depth ", spec.depth, "; expected 1 .. ", most, " channels, 2 .. ", most,
                     " classes, an even width of 2 .. ", most, " and a depth of 1 .. 10");
  check<FormatError>(spec.dropout >= 0 && spec.dropout < 1, "model 'unet'", "its dropout is ", spec.dropout,
                     ", expected 0 .. 1 (excluded)");
  spec.norm = norm == norm_name(UNetNorm::batch) ? UNetNorm::batch : UNetNorm::instance;
  check<FormatError>(norm == norm_name(spec.norm), "model 'unet'", "its norm is '", norm,
                     "', expected 'instance' or 'batch'");
  for (const Upsampling known : {Upsampling::bilinear, Upsampling::transposed}) {
    spec.upsampling = known;
    if (upsampling == upsampling_name(known)) return spec;
  }
  throw FormatError("model 'unet': its upsampling is '" + upsampling + "', expected 'bilinear' or 'transposed'");
}

template <class T>
AnySegmenter<T> UNetMaker<T>::make(const std::string& json, Key key) {
  return UNet<T>(read(json), key);
}

template <class T>
Index UNetMaker<T>::parameters(const std::string& json) {
  const UNetSpec spec = read(json);
  return unet_parameters(spec.in, spec.classes, spec.width, spec.depth, spec.upsampling, spec.norm);
}

}  // namespace paser::models
#include "paser/core/macros_on.inc"
