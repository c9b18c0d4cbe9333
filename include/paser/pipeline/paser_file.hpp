#pragma once
#include "paser/core/macros_off.inc"

#include <optional>

#include "paser/io/checkpoint.hpp"
#include "paser/io/decoded_image.hpp"
#include "paser/models/registry.hpp"
#include "paser/pipeline/part_registry.hpp"
#include "paser/pipeline/routing/calibration.hpp"
#include "paser/pipeline/routing/machine_costs.hpp"

/// A trained PaSeR in one file that says itself what is in it.
namespace paser::pipeline {

/// Everything that a program needs to know of a trained Paser, beside its weights, to segment images with it.
template <class Json>
struct BasicPaserDescription {
  Index channels = 1;                       ///< of the images: 1 (gray) or 3 (RGB), or what the networks take
  std::vector<std::string> class_names;     ///< the name of class k
  std::vector<models::ModelSpec> networks;  ///< f1, f2, ..., cheapest first
  data::PatchGrid grid;
  Index height = 0, width = 0;  ///< pixels of the images that f1 and the policy were trained on
  TypedSpec estimator = uncertainty::McDropout{}.spec();
  TypedSpec policy = net_policy_spec();
  CoarseAnswer coarse_answer = CoarseAnswer::mean;
  std::optional<io::ValueRange> value_range;  ///< the stored values that become 0 and 1; none: see io::to_unit
  std::optional<MachineCosts> machine;        ///< what the models cost on one machine, where it was measured
  std::optional<Calibration> calibration;     ///< what each price of the policy costs and gains; none: it has no price
  Json info = Json::object();                 ///< whatever else belongs to the run

  Index classes() const { return static_cast<Index>(class_names.size()); }
  /// The shape of one such image.
  Shape<4> image() const { return {1, height, width, channels}; }
};

/// The description. A template so that only programs that use it pay for compiling JSON.
using PaserDescription = BasicPaserDescription<nlohmann::json>;

/// A Paser and what is known of it.
template <class T, class Json = nlohmann::json>
struct LoadedPaser {
  Paser<T> paser;
  BasicPaserDescription<Json> description;
};

namespace detail {

/// Throws E unless the classes, the grid and the size of the images fit each other.
template <class E, class Json>
void check_description(const BasicPaserDescription<Json>& d, const std::string& origin) {
  const char* where = origin.c_str();
  constexpr Index limit = io::image_pixel_limit;
  check<E>(d.classes() >= 2, where, "the description names ", d.classes(), " classes, expected at least 2");
  check<E>(d.channels >= 1, where, "the images have ", d.channels, " channels, expected at least 1");
  check<E>(d.height >= 1 && d.width >= 1 && d.height <= limit && d.width <= limit && d.height * d.width <= limit, where,
           "the images are ", d.height, " x ", d.width, " pixels, expected the size of the images trained on");
  check<E>(d.grid.rows >= 1 && d.grid.columns >= 1 && d.height % d.grid.rows == 0 && d.width % d.grid.columns == 0,
           where, "images of ", d.height, " x ", d.width, " pixels do not divide into ", d.grid.rows, " x ",
           d.grid.columns, " patches");
  check<E>(!d.value_range || d.value_range->low < d.value_range->high, where, "the value range does not rise");
}

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

/// A network as a file has it, {"type": ..., "spec": ...}. Files of paser 0.1 have the settings of UNets alone.
template <class Json>
models::ModelSpec network_of(const Json& j) {
  if (j.contains("type")) return j.template get<models::ModelSpec>();
  return {"unet", io::json_text(j)};
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

/// Reads a part that a file may leave out; errors in it name the part.
template <class Part, class Json>
void read_optional_part(const Json& j, const char* name, std::optional<Part>& part, const std::string& origin) {
  if (!j.contains(name)) return;
  try {
    part = j.at(name).template get<Part>();
  } catch (const Error& error) {
    throw FormatError(message(origin, ": '", name, "' in the description: ", error.what()));
  }
}

/// Whether a part has weights or statistics to be stored.
template <class Part>
bool has_state(const Part& part) {
  bool any = false;
  nn::walk(part, [&any](const std::string&, const auto&) { any = true; });
  return any;
}

inline constexpr const char* paser_format = "paser/2";

/// Of files whose estimator is MC dropout and whose policy is a network, by fields of their own.
inline constexpr const char* first_paser_format = "paser/1";

/// A whole number as the file has it, which another type would bend.
template <class Json>
Index whole_number(const Json& j, const char* name, const std::string& origin) {
  const Json& number = j.at(name);
  check<FormatError>(number.is_number_integer() &&
                         (!number.is_number_unsigned() || std::in_range<Index>(number.template get<std::uint64_t>())),
                     origin.c_str(), "'", name, "' in the description is ", number.dump(), ", expected a whole number");
  return number.template get<Index>();
}

/// Reads estimator, policy and answer of the coarse model from a file of the first format.
template <class Description, class Json>
void read_first_format(Description& d, const Json& j, const std::string& origin) {
  const char* where = origin.c_str();
  d.estimator = {"mc_dropout", message("{\"samples\": ", whole_number(j, "samples", origin), "}")};
  const auto policy = j.value("policy", "image");
  check<FormatError>(policy == "image" || policy == "patch", where, "the policy reads '", policy,
                     "', expected 'image' or 'patch'");
  const auto choice = j.value("choice", "most_probable");
  check<FormatError>(choice == "most_probable" || choice == "sampled", where, "the choice of routes is '", choice,
                     "', expected 'most_probable' or 'sampled'");
  d.policy = net_policy_spec(policy == "patch" ? std::array{d.grid.rows, d.grid.columns} : std::array<Index, 2>{1, 1},
                             choice == "sampled" ? RouteChoice::sampled : RouteChoice::most_probable);
}

template <class Json>
CoarseAnswer coarse_answer_of(const Json& j, const std::string& origin) {
  const auto answer = j.template get<std::string>();
  check<FormatError>(answer == "mean" || answer == "first_sample", origin.c_str(), "the coarse answer is '", answer,
                     "', expected 'mean' or 'first_sample'");
  return answer == "mean" ? CoarseAnswer::mean : CoarseAnswer::first_sample;
}

}  // namespace detail

/// The description as the file has it.
template <class Json>
void to_json(Json& j, const BasicPaserDescription<Json>& d) {
  j = {{"format", detail::paser_format},
       {"channels", d.channels},
       {"classes", d.class_names},
       {"networks", Json::array()},
       {"grid", {{"rows", d.grid.rows}, {"columns", d.grid.columns}}},
       {"image", {{"height", d.height}, {"width", d.width}}},
       {"estimator", d.estimator},
       {"policy", d.policy},
       {"coarse_answer", d.coarse_answer == CoarseAnswer::mean ? "mean" : "first_sample"},
       {"info", d.info}};
  for (const auto& network : d.networks) j["networks"].push_back(Json(network));
  if (d.value_range) j["value_range"] = {d.value_range->low, d.value_range->high};
  if (d.machine) j["machine"] = *d.machine;
  if (d.calibration) j["calibration"] = *d.calibration;
}

/// Reads what to_json wrote. Throws FormatError that starts with `origin` and names the field that is missing or wrong.
template <class Json>
BasicPaserDescription<Json> parse_description(const Json& j, const std::string& origin) {
  const bool first = j.is_object() && j.contains("format") && j["format"] == detail::first_paser_format;
  check<FormatError>(first || (j.is_object() && j.contains("format") && j["format"] == detail::paser_format),
                     origin.c_str(), "holds no description of a trained PaSeR, '", detail::paser_format,
                     "'; expected the file of a trained model, such as checkpoints/paser.safetensors of a run");
  BasicPaserDescription<Json> d;
  std::string part;  // that is being read, for messages
  const auto at = [&](const char* name) -> const Json& {
    part = name;
    return j.at(name);
  };
  try {
    d.channels = detail::whole_number(j, "channels", origin);
    at("classes").get_to(d.class_names);
    for (const Json& network : at("networks")) d.networks.push_back(detail::network_of(network));
    d.grid = {detail::whole_number(at("grid"), "rows", origin), detail::whole_number(at("grid"), "columns", origin)};
    d.height = detail::whole_number(at("image"), "height", origin);
    d.width = detail::whole_number(at("image"), "width", origin);
    if (first) {
      part = "the policy";
      detail::read_first_format(d, j, origin);
    } else {
      at("estimator").get_to(d.estimator);
      at("policy").get_to(d.policy);
    }
    d.coarse_answer = detail::coarse_answer_of(at(first ? "baseline" : "coarse_answer"), origin);
    if (j.contains("value_range")) {
      const auto range = at("value_range").template get<std::vector<double>>();
      check<FormatError>(range.size() == 2, origin.c_str(), "'value_range' has ", range.size(), " numbers, expected 2");
      d.value_range = io::ValueRange{range[0], range[1]};
    }
    part = "machine, calibration or info";
    detail::read_optional_part(j, "machine", d.machine, origin);
    detail::read_optional_part(j, "calibration", d.calibration, origin);
    d.info = j.value("info", Json::object());
  } catch (const typename Json::exception& error) {
    throw FormatError(origin + ": the description of the PaSeR in it cannot be read, at '" + part +
                      "': " + error.what());
  }
  detail::check_description<FormatError>(d, origin);
  return d;
}

namespace detail {

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
/// cannot be written.
template <class T, class Json = nlohmann::json>
void save_paser(const io::Path& file, const Paser<T>& paser, BasicPaserDescription<Json> description) {
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
    checkpoint.put(message("f", number), model);
  }
  checkpoint.put("policy", paser.policy);
  checkpoint.put("estimator", paser.estimator);
  checkpoint.info = description;
  checkpoint.save(file);
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
  for (std::size_t k = 0; k < paser.models.size(); ++k) checkpoint.get(message("f", k + 1), paser.models[k]);
  if (detail::has_state(paser.policy)) checkpoint.get("policy", paser.policy);
  if (detail::has_state(paser.estimator)) checkpoint.get("estimator", paser.estimator);
  return {std::move(paser), std::move(description)};
}

/// What the Paser's work costs in multiply-accumulates on images of the description's size, see mac_costs.
template <class T, class Json>
WorkCosts mac_costs(const Paser<T>& paser, const BasicPaserDescription<Json>& d) {
  return mac_costs(paser, paser.policy, d.image());
}

}  // namespace paser::pipeline
#include "paser/core/macros_on.inc"
