#pragma once
#include "paser/core/macros_off.inc"

#include <algorithm>
#include <optional>

#include "paser/data/label_encoding.hpp"
#include "paser/io/decoded_image.hpp"
#include "paser/models/registry.hpp"
#include "paser/pipeline/part_registry.hpp"
#include "paser/pipeline/routing/calibration.hpp"
#include "paser/pipeline/routing/machine_costs.hpp"

/// What the file of a trained PaSeR says of it beside the weights.
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

namespace detail {

/// Throws E unless the classes, the grid and the size of the images fit each other.
template <class E, class Json>
void check_description(const BasicPaserDescription<Json>& d, const std::string& origin) {
  const char* where = origin.c_str();
  constexpr Index limit = io::image_pixel_limit;
  check<E>(d.classes() >= 2, where, "the description names ", d.classes(), " classes, expected at least 2");
  for (const std::string& name : d.class_names)
    check<E>(name.size() <= data::longest_class_name, where, "the class '", excerpt(name), "' has a name of ",
             name.size(), " bytes, expected at most ", data::longest_class_name);
  std::vector<std::string> names = d.class_names;
  std::sort(names.begin(), names.end());
  const auto twice = std::adjacent_find(names.begin(), names.end());
  check<E>(twice == names.end(), where, "two classes have the name '", twice == names.end() ? "" : excerpt(*twice),
           "', expected one of its own for each");
  check<E>(d.channels >= 1, where, "the images have ", d.channels, " channels, expected at least 1");
  check<E>(d.height >= 1 && d.width >= 1 && d.height <= limit && d.width <= limit && d.height * d.width <= limit, where,
           "the images are ", d.height, " x ", d.width, " pixels, expected the size of the images trained on");
  check<E>(d.grid.rows >= 1 && d.grid.columns >= 1 && d.height % d.grid.rows == 0 && d.width % d.grid.columns == 0,
           where, "images of ", d.height, " x ", d.width, " pixels do not divide into ", d.grid.rows, " x ",
           d.grid.columns, " patches");
  check<E>(!d.value_range || io::rises(*d.value_range), where, "the value range does not rise");
}

/// A network as a file has it, {"type": ..., "spec": ...}. Throws FormatError on too many wrappers. Files of paser 0.1
/// have the settings of UNets alone.
template <class Json>
models::ModelSpec network_of(const Json& j, const std::string& origin) {
  if (j.contains("type")) {
    auto spec = j.template get<models::ModelSpec>();
    models::check_wrappers<FormatError, Json>(spec, origin);
    return spec;
  }
  return {"unet", io::json_text(j)};
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
  const auto whole = [&](const Json& of, const char* name) {
    if (of.is_object()) part = name;  // else it is what `of` itself is that cannot be read
    return detail::whole_number(of, name, origin);
  };
  try {
    d.channels = whole(j, "channels");
    at("classes").get_to(d.class_names);
    for (const Json& network : at("networks")) d.networks.push_back(detail::network_of(network, origin));
    d.grid = {whole(at("grid"), "rows"), whole(at("grid"), "columns")};
    d.height = whole(at("image"), "height");
    d.width = whole(at("image"), "width");
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
                      "': " + io::json_problem(error));
  }
  detail::check_description<FormatError>(d, origin);
  return d;
}

}  // namespace paser::pipeline

#include "paser/core/macros_on.inc"
