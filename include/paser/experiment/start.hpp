#pragma once
#include "paser/core/macros_off.inc"

#include <algorithm>
#include <iostream>
#include <string>
#include <utility>
#include <vector>

#include "paser/data/class_names.hpp"
#include "paser/experiment/start_files.hpp"
#include "paser/io/json.hpp"
#include "paser/io/state.hpp"
#include "paser/pipeline/paser_file.hpp"
#include "paser/report/notes.hpp"

/// Networks that start from the weights of others, and those of a run from model files.
namespace paser::experiment {

namespace detail {

/// What a network's answer is made by: the wrappers around it, the outermost first, and at the end the network itself,
/// each by its name in the registry and its own settings, an object.
using Layers = std::vector<std::pair<std::string, nlohmann::json>>;

inline Layers layers_of(models::ModelSpec spec) {
  Layers layers;
  for (;;) {
    auto settings = io::parse_json(spec.json, "the settings of '" + spec.type + "'");
    if (!settings.is_object()) settings = {{"settings", std::move(settings)}};
    const bool wraps = settings.contains("model");
    const auto inside = wraps ? settings["model"].get<models::ModelSpec>() : models::ModelSpec{};
    settings.erase("model");
    layers.emplace_back(spec.type, std::move(settings));
    if (!wraps) return layers;
    spec = inside;
  }
}

/// "resized(padded(segformer))"
inline std::string text_of(const Layers& layers) {
  std::string text;
  for (const auto& [type, settings] : layers) text += (text.empty() ? "" : "(") + type;
  return text + std::string(layers.size() - 1, ')');
}

/// What stands before the names of the tensors of the network inside.
inline std::string prefix_of(const Layers& layers) {
  std::string prefix;
  for (std::size_t i = 1; i < layers.size(); ++i) prefix += "model.";
  return prefix;
}

/// Throws ValueError, naming the first setting that differs and both its values, unless weights mean the same in both
/// networks, which `there` and `here` name in words.
inline void require_same_function(const Layers& theirs, const Layers& own, const std::string& file,
                                  const std::string& there, const std::string& here) {
  const std::string end = "; expected the same, since weights alone are taken";
  const auto type = [](const auto& layer) { return layer.first; };
  check<ValueError>(std::ranges::equal(theirs, own, {}, type, type), file.c_str(), there, " is ", text_of(theirs), ", ",
                    here, " is ", text_of(own), end);
  for (std::size_t i = 0; i < own.size(); ++i) {
    const auto &before = theirs[i].second, &now = own[i].second;
    auto all = now;
    all.update(before);
    for (const auto& item : all.items()) {
      const nlohmann::json none = item.key() == "answer" ? nlohmann::json("bilinear") : nlohmann::json();
      const auto was = before.value(item.key(), none), is = now.value(item.key(), none);
      const char* advice = "";
      if (item.key() == "in" && was == 3 && is == 1) advice = "; as 'gray_to_colour' it sees gray images";
      if (item.key() == "answer") advice = "; 'resized' with this answer around the network, or answers=bilinear, does";
      check<ValueError>(was == is, file.c_str(), there, " is a ", own[i].first, " with ", item.key(), " = ",
                        excerpt(io::json_text(was)), ", ", here, " has ", excerpt(io::json_text(is)), end, advice);
    }
  }
}

}  // namespace detail

/// How alike networks must be, of which one takes the weights of the other.
enum class Alike {
  wholly,   ///< in all settings
  in_trunk  ///< but for rates of dropout and the number of classes
};

/// What is to be said of weights that were taken.
struct TakenWeights {
  std::string rates;  ///< "dropout = 0.5 (there 0.1)": those that differ, of which the network keeps its own
  std::string head;   ///< the tensors that are of another number of classes, and keep the values that they had
};

/// Gives a network the weights of another one, and nothing else of it. Both must say the same of themselves, wrappers
/// included, but for what `alike` lets differ and what only brings images to them: "padded" may be around one of the
/// two; where they are alike in the trunk, "padded", "halo" and "gray_to_colour" are not compared. Throws ValueError
/// with the setting that differs and both its values; it begins with `file` and calls the networks `there` ("its
/// network f2") and `here` ("f2 of this run"). Then no weight has changed.
template <class T>
TakenWeights take_weights(models::AnySegmenter<T>& to, const models::AnySegmenter<T>& from, Alike alike,
                          const std::string& file, const std::string& there, const std::string& here) {
  auto theirs = detail::layers_of(from.spec()), own = detail::layers_of(to.spec());
  const std::string before = detail::prefix_of(theirs), now = detail::prefix_of(own);
  const auto leave_out = [&](const std::string& type, bool of_one_alone) {
    const auto is = [&](const auto& layer) { return layer.first == type; };
    if (of_one_alone && std::ranges::any_of(theirs, is) == std::ranges::any_of(own, is)) return;
    std::erase_if(theirs, is);
    std::erase_if(own, is);
  };
  TakenWeights taken;
  bool other_classes = false;
  if (alike == Alike::wholly) {
    leave_out("padded", true);
  } else {
    for (const char* type : {"padded", "halo", "gray_to_colour"}) leave_out(type, false);
    nlohmann::json &was = theirs.back().second, &is = own.back().second;
    for (const char* name : {"dropout", "drop_path", "classes"}) {
      if (!was.contains(name) || !is.contains(name) || was[name] == is[name]) continue;
      if (std::string_view(name) == "classes")
        other_classes = true;
      else
        taken.rates += message(taken.rates.empty() ? "" : ", ", name, " = ", io::json_text(is[name]), " (there ",
                               io::json_text(was[name]), ")");
      was[name] = is[name];
    }
  }
  detail::require_same_function(theirs, own, file, there, here);
  const io::StateDict kept = io::state_dict(to);
  io::StateDict weights;
  for (const auto& [path, tensor] : io::state_dict(from)) {
    const std::string name = path.substr(before.size());
    const auto found = kept.find(now + name);
    const bool of_classes = other_classes && found != kept.end() && found->second.shape != tensor.shape;
    if (of_classes) taken.head += (taken.head.empty() ? "" : ", ") + name;
    weights.emplace(now + name, of_classes ? found->second : tensor);
  }
  io::load_state_dict(to, weights, file);
  return taken;
}

namespace detail {

/// Reads a model. Throws as load_paser, with a word on what makes a model of published weights.
inline pipeline::LoadedPaser<float> start_model(const std::string& file) {
  try {
    return pipeline::load_paser<float>(file);
  } catch (const FormatError& error) {
    throw FormatError(message(error.what(), "; expected a model, which 'paser convert' makes of published weights"));
  }
}

/// Throws ValueError where the classes of a start are those of the run in another order; other ones it tells.
inline void compare_classes(const std::string& file, const std::vector<std::string>& before,
                            const std::vector<std::string>& now, const char* its_networks_know) {
  const auto same = data::same_classes(now, before);
  check<ValueError>(same != data::SameClasses::reordered, file.c_str(), its_networks_know, " the classes ",
                    data::listed_classes(before), "; expected them in the order of this run, ",
                    data::listed_classes(now));
  if (same == data::SameClasses::no)
    std::cerr << "warning: " << visible(file) << " was trained for the classes " << data::listed_classes(before)
              << ", which here become " << data::listed_classes(now) << "\n";
}

}  // namespace detail

/// Gives the networks of a PaSeR the weights of model files, and nothing else of these; where none is named they keep
/// their own. The networks of one file for all must be those of `paser` in all settings. Of a file for one network the
/// rates of dropout may be others, and the number of classes, by which the network's last layer keeps its weights; a
/// line on standard error says so. Throws ValueError where a network is another or there are more or fewer of them, and
/// where the classes are in another order; what cannot be read, as load_paser.
inline void start_from(const StartFiles& start, pipeline::Paser<float>& paser,
                       const pipeline::PaserDescription& description) {
  const std::size_t networks = paser.models.size();
  check<ValueError>(!start.each || start.files.size() == networks, "setting", "initial has ", start.files.size(),
                    " entries, expected ", networks, ", a file or \"\" for each network");
  if (start.empty()) return;
  const auto here = [&](std::size_t k) {
    return networks == 1 ? std::string("that of this run") : message("f", k + 1, " of this run");
  };
  if (!start.each && networks > 1) {
    const std::string& file = start.files[0];
    const auto from = detail::start_model(file);
    const std::size_t there = from.paser.models.size();
    check<ValueError>(there == networks, file.c_str(), "has ", there, there == 1 ? " network" : " networks",
                      ", expected those of this run, ", networks,
                      "; or set initial to a list with a file of one network, or \"\", for each");
    for (std::size_t k = 0; k < networks; ++k)
      take_weights(paser.models[k], from.paser.models[k], Alike::wholly, file, message("its network f", k + 1),
                   here(k));
    detail::compare_classes(file, from.description.class_names, description.class_names, "its networks know");
    return;
  }
  for (std::size_t k = 0; k < networks; ++k) {
    const std::string& file = start.files[k];
    if (file.empty()) continue;
    const auto from = detail::start_model(file);
    check<ValueError>(from.paser.models.size() == 1, file.c_str(), "has ", from.paser.models.size(),
                      " networks, expected one, for ", here(k));
    const auto taken =
        take_weights(paser.models[k], from.paser.models[0], Alike::in_trunk, file, "its network", here(k));
    if (!taken.rates.empty())
      report::notes() << "Start     " << here(k) << " keeps " << taken.rates << ", weights from " << visible(file)
                      << "\n";
    if (from.description.classes() == description.classes())
      detail::compare_classes(file, from.description.class_names, description.class_names, "its network knows");
    else
      std::cerr << "warning: " << visible(file) << " knows " << from.description.classes() << " classes, " << here(k)
                << " " << description.classes() << ": random weights stay in " << excerpt(taken.head, 400) << "\n";
  }
}

}  // namespace paser::experiment
#include "paser/core/macros_on.inc"
