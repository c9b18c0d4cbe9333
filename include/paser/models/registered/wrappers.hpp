#pragma once
#include "paser/core/macros_off.inc"

#include "paser/io/config.hpp"
#include "paser/models/corrected.hpp"
#include "paser/models/halo.hpp"
#include "paser/models/registry.hpp"
#include "paser/models/wrappers.hpp"

/// \file
/// Makes the names of the wrappers known to the registry: "padded", "resized", "normalised", "gray_to_colour",
/// "corrected" and "halo". Each holds another network, {"type": ..., "spec": ...}, as its setting "model"; the other
/// settings are in wrappers.hpp, corrected.hpp and halo.hpp. In a model file at most most_wrappers go into each other.
namespace paser::models {

/// Makes wrappers from JSON. All throw FormatError that names the setting which is unknown, missing or wrong.
template <class T>
struct WrapperMaker {
  /// The wrapper and the network in it, from its settings.
  static AnySegmenter<T> padded(const std::string& json, Key key);
  static AnySegmenter<T> resized(const std::string& json, Key key);         ///< The same of models::Resized.
  static AnySegmenter<T> normalised(const std::string& json, Key key);      ///< The same of models::Normalised.
  static AnySegmenter<T> gray_to_colour(const std::string& json, Key key);  ///< The same of models::GrayToColour.
  static AnySegmenter<T> corrected(const std::string& json, Key key);       ///< The same of models::Corrected.
  static AnySegmenter<T> halo(const std::string& json, Key key);            ///< The same of models::Halo.
  /// Those of the network inside.
  static Index parameters(const std::string& json);

 private:
  /// Reads "model" and refuses the settings that were not asked for.
  static AnySegmenter<T> inside(io::ConfigReader& options, Key key);
};

template <class T>
AnySegmenter<T> WrapperMaker<T>::inside(io::ConfigReader& options, Key key) {
  ModelSpec spec;
  options.require("model", spec);
  options.finish();
  return make_segmenter<T>(spec, key);
}

template <class T>
AnySegmenter<T> WrapperMaker<T>::padded(const std::string& json, Key key) {
  auto options = io::ConfigReader::from_text(json, "model 'padded'");
  Index multiple = 1;
  std::string border = "mirrored";
  options.require("multiple", multiple);
  options.read("border", border);
  check<FormatError>(border == "mirrored" || border == "edge", "model 'padded'", "its border is '", border,
                     "', expected 'mirrored' or 'edge'");
  return Padded<T>(inside(options, key), multiple, border == "mirrored" ? Border::mirrored : Border::edge);
}

template <class T>
AnySegmenter<T> WrapperMaker<T>::resized(const std::string& json, Key key) {
  auto options = io::ConfigReader::from_text(json, "model 'resized'");
  std::vector<Index> size;
  double factor = 0;
  std::string answer = answer_name(Answer::bilinear);
  const bool to_size = options.read("size", size), by_factor = options.read("factor", factor);
  options.read("answer", answer);
  check<FormatError>(to_size != by_factor && (by_factor || size.size() == 2), "model 'resized'",
                     "expected either 'size', [height, width], or 'factor'");
  constexpr std::array known{Answer::bilinear, Answer::bicubic, Answer::corners};
  const auto back = std::ranges::find_if(known, [&](Answer a) { return answer == answer_name(a); });
  check<FormatError>(back != known.end(), "model 'resized'", "its answer is '", answer,
                     "', expected 'bilinear', 'bicubic' or 'corners'");
  if (to_size) return Resized<T>(inside(options, key), {size[0], size[1]}, *back);
  return Resized<T>(inside(options, key), factor, *back);
}

template <class T>
AnySegmenter<T> WrapperMaker<T>::normalised(const std::string& json, Key key) {
  auto options = io::ConfigReader::from_text(json, "model 'normalised'");
  std::vector<double> mean, deviation;
  options.require("mean", mean);
  options.require("deviation", deviation);
  return Normalised<T>(inside(options, key), std::move(mean), std::move(deviation));
}

template <class T>
AnySegmenter<T> WrapperMaker<T>::gray_to_colour(const std::string& json, Key key) {
  auto options = io::ConfigReader::from_text(json, "model 'gray_to_colour'");
  return GrayToColour<T>(inside(options, key));
}

template <class T>
AnySegmenter<T> WrapperMaker<T>::corrected(const std::string& json, Key key) {
  auto options = io::ConfigReader::from_text(json, "model 'corrected'");
  return Corrected<T>(inside(options, key));
}

template <class T>
AnySegmenter<T> WrapperMaker<T>::halo(const std::string& json, Key key) {
  auto options = io::ConfigReader::from_text(json, "model 'halo'");
  Index margin = 0;
  options.require("margin", margin);
  return Halo<T>(inside(options, key), margin);
}

template <class T>
Index WrapperMaker<T>::parameters(const std::string& json) {
  auto options = io::ConfigReader::from_text(json, "a model that wraps another");
  ModelSpec spec;
  options.require("model", spec);
  return model_parameters<T>(spec);
}

#ifdef PASER_COMPILED  // these are in the library, so that a program need not compile them again
extern template struct WrapperMaker<float>;
extern template struct WrapperMaker<double>;
#endif

namespace detail {

template <class T>
bool register_wrappers() {
  using Maker = WrapperMaker<T>;
  return register_model<T>("padded", {Maker::padded, Maker::parameters}) &&
         register_model<T>("resized", {Maker::resized, Maker::parameters}) &&
         register_model<T>("normalised", {Maker::normalised, Maker::parameters}) &&
         register_model<T>("gray_to_colour", {Maker::gray_to_colour, Maker::parameters}) &&
         register_model<T>("corrected", {Maker::corrected, Maker::parameters}) &&
         register_model<T>("halo", {Maker::halo, Maker::parameters});
}

inline const bool wrappers_are_known = register_wrappers<float>() && register_wrappers<double>();

}  // namespace detail

}  // namespace paser::models
#include "paser/core/macros_on.inc"
