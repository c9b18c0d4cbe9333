#pragma once
#include "paser/core/macros_off.inc"

#include <numeric>

#include "paser/experiment/folder_data.hpp"
#include "paser/io/json.hpp"
#include "paser/models/registry.hpp"
#include "paser/models/unet.hpp"
#include "paser/models/wrappers.hpp"

/// The networks of an experiment: UNets by widths and depths, or any of the registry.
namespace paser::experiment {

/// What images a network is for.
struct ImageKind {
  Index channels, classes, height, width;
  Index margin = 0;  ///< pixels around these that the network is going to see too, see models::Halo
};

/// The whole images of a set.
inline ImageKind kind_of(const FolderData& data) {
  return {data.channels(), data.classes(), data.height(), data.width()};
}

namespace detail {

/// The name of the network inside all wrappers.
inline std::string innermost(const std::string& type, const nlohmann::json& settings) {
  const auto inside = settings.find("model");
  return inside == settings.end() ? type : innermost(inside->at("type").get<std::string>(), inside->at("spec"));
}

/// The settings of a network with those that the data say: "in" and "classes", of a UNet also its dropout; in wrappers
/// those of the network inside, and as_published the "answer" of the one that resizes.
inline nlohmann::json completed(const std::string& type, nlohmann::json settings, Index channels, Index classes,
                                double dropout, bool as_published) {
  if (const auto inside = settings.find("model"); inside != settings.end()) {
    auto spec = inside->get<models::ModelSpec>();
    *inside = {{"type", spec.type},
               {"spec", completed(spec.type, nlohmann::json::parse(spec.json), type == "gray_to_colour" ? 3 : channels,
                                  classes, dropout, as_published)}};
    if (type == "resized" && as_published && !settings.contains("answer"))
      settings["answer"] = models::answer_name(models::published_answer(innermost(type, settings)));
    return settings;
  }
  nlohmann::json said{{"in", channels}, {"classes", classes}};
  if (type == "unet") said.update({{"dropout", dropout}, {"upsampling", "bilinear"}});
  said.update(settings);
  return said;
}

}  // namespace detail

/// A network for these images. What its settings leave out is that of the images (see
/// docs/models.md): "in", "classes", a UNet's dropout. It gets wrappers where it cannot do as a task model otherwise:
/// "padded" when it takes other sizes only, "resized" by a factor of 1, which enlarges its logits, when it has a
/// stride. as_published: it and other "resized" enlarge as the code does that the network was published with, unless
/// they say how; else bilinearly. Throws ValueError or FormatError when there is no such network.
inline models::ModelSpec fitted(const models::ModelSpec& spec, const ImageKind& images, double dropout,
                                bool as_published = true) {
  const std::string where = "network '" + spec.type + "'";
  (void)models::model_maker<float>(spec.type);  // throws with the names that there are
  auto settings = io::parse_json(spec.json, where);
  check<ValueError>(settings.is_object(), where.c_str(), "its settings are ", excerpt(spec.json),
                    ", expected {...} as docs/models.md lists them");
  settings = detail::completed(spec.type, std::move(settings), images.channels, images.classes, dropout, as_published);
  const models::ModelSpec full{spec.type, io::json_text(settings)};
  models::AnySegmenter<float> network = models::make_segmenter<float>(full, Key{});
  models::ModelSpec fits = network.spec();
  const Index multiple = network.size_multiple(), least = network.smallest_size(), stride = network.stride();
  const auto takes = [&](Index side) { return side % multiple == 0 && side >= least; };
  // With a margin the patch alone is judged too, though it is never seen: wrappers are in the names of a run's tensors,
  // by which it goes on.
  if (!takes(images.height) || !takes(images.width) || !takes(images.height + 2 * images.margin) ||
      !takes(images.width + 2 * images.margin))
    fits = {"padded", message("{\"multiple\":", std::lcm(multiple, stride), ",\"model\":", fits.text(), "}")};
  if (stride == 1) return fits;
  const auto back =
      as_published ? models::published_answer(detail::innermost(spec.type, settings)) : models::Answer::bilinear;
  const std::string answer =
      back == models::Answer::bilinear ? "" : message("\"answer\":\"", models::answer_name(back), "\",");
  return {"resized", message("{\"factor\":1,", answer, "\"model\":", fits.text(), "}")};
}

/// Network k of the settings: f1 for whole images, the others for patches, of which they see `margin` pixels more on
/// every side once models::Halo is around them.
template <class Settings>
models::ModelSpec network_of(const FolderData& data, const Settings& s, std::size_t k, Index margin = 0) {
  if (s.networks.empty())
    return models::UNetSpec{.in = data.channels(),
                            .classes = data.classes(),
                            .width = s.widths.at(k),
                            .depth = s.depths.at(k),
                            .dropout = s.dropout,
                            .norm = s.norms.empty() || s.norms.at(k) == models::norm_name(models::UNetNorm::instance)
                                        ? models::UNetNorm::instance
                                        : models::UNetNorm::batch};
  const Index rows = k == 0 ? 1 : s.grid[0], columns = k == 0 ? 1 : s.grid[1];
  ImageKind images = kind_of(data);
  images.height /= rows;
  images.width /= columns;
  images.margin = k == 0 ? 0 : margin;
  return fitted(s.networks.at(k), images, s.dropout, s.answers_as_published());
}

}  // namespace paser::experiment
#include "paser/core/macros_on.inc"
