#pragma once
#include "paser/core/macros_off.inc"

#include <optional>

#include "paser/io/checkpoint.hpp"
#include "paser/pipeline/paser_description.hpp"

/// A trained PaSeR in one file that says itself what is in it.
namespace paser::pipeline {

/// A Paser and what is known of it.
template <class T, class Json = nlohmann::json>
struct LoadedPaser {
  Paser<T> paser;
  BasicPaserDescription<Json> description;
};

namespace detail {

/// Throws E unless the networks, by what they say of themselves, fit the images and their patches. A network behind f1
/// that corrects it has further channels, see corrects.
template <class E, class T, class Json>
void check_networks(const std::vector<models::AnySegmenter<T>>& networks, const BasicPaserDescription<Json>& d,
                    const std::string& origin) {
  const char* where = origin.c_str();
  for (std::size_t k = 0; k < networks.size(); ++k) {
    const models::AnySegmenter<T>& n = networks[k];
    const auto fits = [](Index said, Index expected) { return said == 0 || said == expected; };
    const bool corrected = k > 0 && corrects(networks[0], n);
    check<E>((corrected || fits(n.channels(), d.channels)) && fits(n.classes(), d.classes()), where, "network f", k + 1,
             " takes ", n.channels(), " channels and knows ", n.classes(), " classes, expected ", d.channels,
             " channels and ", d.classes(), " classes",
             k == 0 ? "" : message(", or ", d.channels + d.classes(), " channels to correct f1, which says its own"));
    check<E>(n.stride() == 1, where, "network f", k + 1, " has one answer for ", n.stride(), " x ", n.stride(),
             " pixels, expected one for each pixel; models::Resized makes it so");
    check<E>(k > 0 || n.margin() == 0, where, "network f1 has a margin of ", n.margin(),
             " pixels, and around a whole image there is nothing; models::Halo is for task models");
    const Index h = k == 0 ? d.height : d.height / d.grid.rows, w = k == 0 ? d.width : d.width / d.grid.columns;
    const Index least = n.smallest_size(), multiple = n.size_multiple();
    check<E>(h >= least && w >= least && h % multiple == 0 && w % multiple == 0, where, "network f", k + 1,
             " takes sides of at least ", least, " pixels that are multiples of ", multiple, ", and ",
             k == 0 ? "an image" : "a patch", " has ", h, " x ", w, " pixels; models::Padded makes them fit");
  }
}

/// What `f` returns; errors in it become E, and name network f(k + 1).
template <class E, class F>
auto of_network(std::size_t k, const std::string& origin, const F& f) {
  try {
    return f();
  } catch (const Error& error) {
    throw E(message(origin, ": network f", k + 1, ": ", error.what()));
  }
}

/// Throws E unless measured costs and calibration are of as many models as there are.
template <class E, class Json>
void check_routing(const BasicPaserDescription<Json>& d, std::size_t models, const std::string& origin) {
  const auto n = static_cast<Index>(models);
  check<E>(!d.machine || d.machine->models() == n, origin.c_str(), "the costs of a machine are of ",
           d.machine ? d.machine->models() : 0, " models, there are ", n);
  check<E>(!d.calibration || d.calibration->models() == n, origin.c_str(), "the calibration is of ",
           d.calibration ? d.calibration->models() : 0, " models, there are ", n);
}

/// Throws FormatError when the file holds tensors of a part that the description does not have: it is another model's,
/// or was put together from two.
template <class T, class Json>
void check_no_other_part(const io::BasicCheckpoint<Json>& checkpoint, const Paser<T>& paser) {
  for (const auto& [name, tensor] : checkpoint.tensors) {
    const std::string part = name.substr(0, name.find('/'));
    bool known =
        (part == "policy" && io::has_state(paser.policy)) || (part == "estimator" && io::has_state(paser.estimator));
    for (std::size_t k = 0; k < paser.models.size(); ++k) known = known || part == message("f", k + 1);
    check<FormatError>(known, checkpoint.origin.c_str(), "the tensor '", excerpt(name),
                       "' belongs to nothing that the description has: ", paser.models.size(),
                       " networks, the policy '", paser.policy.spec().type, "' and the estimator '",
                       paser.estimator.spec().type, "'");
  }
}

template <class E, class T, class Json>
Paser<T> make_paser(const BasicPaserDescription<Json>& d, Key key, const std::string& origin,
                    std::optional<Index> stored_policy, std::optional<Index> stored_estimator) {
  check_description<E>(d, origin);
  check<E>(!d.networks.empty(), origin.c_str(), "the description names no network");
  std::vector<models::AnySegmenter<T>> networks;
  for (std::size_t k = 0; k < d.networks.size(); ++k)
    networks.push_back(
        of_network<E>(k, origin, [&] { return models::make_segmenter<T>(d.networks[k], key.fold(k + 1)); }));
  check_networks<E>(networks, d, origin);
  check_routing<E>(d, networks.size(), origin);
  const PolicyShape shape{d.grid, static_cast<Index>(networks.size()), stored_policy, d.classes()};
  const auto part = [&](const char* what, const auto& make) {
    try {
      return make();
    } catch (const Error& error) {
      throw E(message(origin, ": the ", what, ": ", error.what()));
    }
  };
  Policy<T> policy = part("policy", [&] { return make_policy<T>(d.policy, shape, key.fold(networks.size() + 1)); });
  auto estimator = part("estimator", [&] { return make_estimator<T>(d.estimator, stored_estimator); });
  return {.models = std::move(networks),
          .policy = std::move(policy),
          .grid = d.grid,
          .estimator = std::move(estimator),
          .coarse_answer = d.coarse_answer};
}

}  // namespace detail

/// A Paser of fresh weights as the description says, its networks made by the registry (models/registry.hpp): the
/// program includes their headers, such as paser/models/registered/registered.hpp. Network k draws from
/// key.fold(k + 1), the policy from the fold after the last network's. Throws ValueError when the description does not
/// fit itself or names a network that is not known.
template <class T = float, class Json>
Paser<T> make_paser(const BasicPaserDescription<Json>& d, Key key) {
  return detail::make_paser<ValueError, T>(d, key, "make_paser", {}, {});
}

/// Writes all networks, the policy and the description into one file, whole or not at all: a checkpoint (see
/// io::Checkpoint) with "f1", "f2", ..., "policy", and the description as its document. Networks, grid, estimator,
/// policy and coarse answer are the Paser's own; those of `description` are not looked at. Throws ValueError
/// when the description does not fit the Paser or a network does not say how to make it again, IoError when the file
/// cannot be written, with Existing::keep also where one is there.
template <class T, class Json = nlohmann::json>
void save_paser(const io::Path& file, const Paser<T>& paser, BasicPaserDescription<Json> description,
                io::Existing existing = io::Existing::replace) {
  description.grid = paser.grid;
  description.estimator = paser.estimator.spec();
  description.policy = paser.policy.spec();
  description.coarse_answer = paser.coarse_answer;
  check<ValueError>(!description.estimator.type.empty(), "save_paser", "the estimator's spec() names no type");
  check<ValueError>(!description.policy.type.empty(), "save_paser", "the policy's spec() names no type");
  description.networks.clear();
  check<ValueError>(!paser.models.empty(), "save_paser", "the Paser has no network");
  detail::check_description<ValueError>(description, "save_paser");
  detail::check_networks<ValueError>(paser.models, description, "save_paser");
  detail::check_routing<ValueError>(description, paser.models.size(), "save_paser");
  io::BasicCheckpoint<Json> checkpoint;
  for (const auto& model : paser.models) {
    const std::size_t number = description.networks.size() + 1;
    description.networks.push_back(model.spec());
    check<ValueError>(!description.networks.back().type.empty(), "save_paser", "network f", number,
                      " does not say how to make it again; give it a member spec() that returns a models::ModelSpec, ",
                      "and its name a maker by models::register_model");
    models::check_wrappers<ValueError, Json>(description.networks.back(), message("save_paser: network f", number));
    checkpoint.put_if_any(message("f", number), model);
  }
  checkpoint.put_if_any("policy", paser.policy);
  checkpoint.put_if_any("estimator", paser.estimator);
  checkpoint.info = description;
  checkpoint.save(file, existing);
}

/// Reads what save_paser wrote, its networks made as make_paser makes them. Throws IoError when the file cannot be
/// read, FormatError with what is missing or does not fit.
template <class T = float, class Json = nlohmann::json>
LoadedPaser<T, Json> load_paser(const io::Path& file) {
  const auto checkpoint = io::BasicCheckpoint<Json>::load(file);
  auto description = parse_description(checkpoint.info, checkpoint.origin);
  // Before anything is allocated by what the description says: the file has as many numbers.
  const auto stored = [&](const std::string& name) {
    Index numbers = 0;
    for (const auto& [path, tensor] : checkpoint.state(name)) numbers += tensor.numel();
    return numbers;
  };
  const auto require = [&](const std::string& name, Index parameters) {
    check<FormatError>(stored(name) >= parameters, checkpoint.origin.c_str(), "'", name, "' has ", stored(name),
                       " numbers, network ", name, " of the description has at least ", parameters);
  };
  for (std::size_t k = 0; k < description.networks.size(); ++k)
    require(message("f", k + 1), detail::of_network<FormatError>(k, checkpoint.origin, [&] {
              return models::model_parameters<T>(description.networks[k]);
            }));
  Paser<T> paser =
      detail::make_paser<FormatError, T>(description, Key{}, checkpoint.origin, stored("policy"), stored("estimator"));
  for (std::size_t k = 0; k < paser.models.size(); ++k) checkpoint.get_if_any(message("f", k + 1), paser.models[k]);
  if (io::has_state(paser.policy)) checkpoint.get("policy", paser.policy);
  if (io::has_state(paser.estimator)) checkpoint.get("estimator", paser.estimator);
  detail::check_no_other_part(checkpoint, paser);
  return {std::move(paser), std::move(description)};
}

/// What the Paser's work costs in multiply-accumulates on images of the description's size, see mac_costs.
template <class T, class Json>
WorkCosts mac_costs(const Paser<T>& paser, const BasicPaserDescription<Json>& d) {
  return mac_costs(paser, paser.policy, d.image());
}

}  // namespace paser::pipeline
#include "paser/core/macros_on.inc"
