#pragma once
#include "paser/core/macros_off.inc"

#include <string>
#include <vector>

#include "paser/core/random.hpp"
#include "paser/core/registry.hpp"
#include "paser/models/any_segmenter.hpp"

/// Networks by name: what a file or a command line calls "unet" becomes a network, and a program that has never heard
/// of a network's type can use it. The headers in models/registered/ make the names of paser's own models known, each
/// its own; a program's own model is made known by one call of register_model, at the top of main() or as the value of
/// an inline variable in the model's header.
namespace paser::models {

/// How a network of a registered name is made.
template <class T>
struct ModelMaker {
  /// From its settings, a JSON text. Throws FormatError or ValueError that names the setting which is wrong.
  AnySegmenter<T> (*make)(const std::string& json, Key key) = nullptr;
  /// The least number of values, parameters and buffers, of a network with these settings, told without making it: so a
  /// file that promises more than it holds is refused before anything is allocated. Null: not known.
  Index (*parameters)(const std::string& json) = nullptr;

  bool operator==(const ModelMaker&) const = default;
};

/// The names that make_segmenter<T> knows, in alphabetical order.
template <class T = float>
std::vector<std::string> registered_models() {
  return Registry<ModelMaker<T>>::instance().names();
}

/// Makes a name known, for networks in T; see Registry::add. Throws ValueError when there is no maker.
template <class T = float>
bool register_model(const std::string& name, const std::type_identity_t<ModelMaker<T>>& maker) {
  check<ValueError>(maker.make != nullptr, "register_model", "'", name, "' needs a maker");
  return Registry<ModelMaker<T>>::instance().add(name, maker);
}

/// The same in float and double, for a Maker<T> whose static make and parameters are as ModelMaker wants them.
template <template <class> class Maker>
bool register_maker(const std::string& name) {
  return register_model<float>(name, {Maker<float>::make, Maker<float>::parameters}) &&
         register_model<double>(name, {Maker<double>::make, Maker<double>::parameters});
}

/// The maker of this name. Throws ValueError with the names that are known.
template <class T = float>
ModelMaker<T> model_maker(const std::string& name) {
  return Registry<ModelMaker<T>>::instance().find(
      "model", name,
      "; a program knows the models whose headers it includes, of paser's own those in paser/models/registered/");
}

/// A network of random weights drawn from `key`. Throws ValueError when the name is not known, when the network has
/// more weights than this machine has memory for, and what its maker throws when the settings are wrong.
template <class T = float>
AnySegmenter<T> make_segmenter(const ModelSpec& spec, Key key) {
  const ModelMaker<T> maker = model_maker<T>(spec.type);
  Index values = 0;
  try {
    if (maker.parameters) values = maker.parameters(spec.json);
  } catch (const Error&) {  // wrong settings, of which the maker says more
  }
  const std::size_t memory = paser::detail::machine_memory();
  check<ValueError>(static_cast<std::size_t>(values) <= memory / sizeof(T), spec.type.c_str(),
                    "a network of so many weights does not fit into this machine: it has at least ", values,
                    " values of ", sizeof(T), " bytes, the machine has ", memory, " bytes of memory");
  return maker.make(spec.json, key);
}
template <class T = float>
AnySegmenter<T> make_segmenter(const std::string& name, const std::string& json, Key key) {
  return make_segmenter<T>(ModelSpec{name, json}, key);
}

/// The least number of values of such a network, see ModelMaker::parameters; 0 when its maker does not tell. Throws as
/// make_segmenter does.
template <class T = float>
Index model_parameters(const ModelSpec& spec) {
  const ModelMaker<T> maker = model_maker<T>(spec.type);
  return maker.parameters ? maker.parameters(spec.json) : 0;
}

}  // namespace paser::models
#include "paser/core/macros_on.inc"
