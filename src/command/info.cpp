/// Says what a file is: a trained model with its networks, published weights, or an image with its pages.
///
///   paser info run
///
/// Exit status: 0 done; 2 wrong options, or the file cannot be read; 3 a number of the model is not finite.

#include <CLI/CLI.hpp>

#include "command.hpp"
#include "common_options.hpp"
#include "file_kind.hpp"
#include "paser/io/image_file.hpp"
#include "paser/io/weights_file.hpp"
#include "paser/models/registered/registered.hpp"
#include "paser/pipeline/paser_file.hpp"
#include "paser/pipeline/routing/network_size.hpp"
#include "paser/report/table.hpp"
#include "program.hpp"
#include "trained_model.hpp"

namespace command {

namespace info_command {

using namespace paser;
namespace fs = std::filesystem;

/// A model: its description, and of each network its size and what a run costs.
nlohmann::json model_info(const fs::path& file) {
  const auto [paser, d] = pipeline::load_paser(file);
  const auto costs = pipeline::mac_costs(paser, d);
  const auto sizes = pipeline::network_sizes(paser, d.image());
  nlohmann::json j = d;
  j.erase("info");
  j["kind"] = "model";
  j["file"] = file.string();
  j["bytes"] = fs::file_size(file);
  if (d.info.contains("settings")) j["settings"] = d.info["settings"];
  for (std::size_t k = 0; k < paser.models.size(); ++k) {
    nlohmann::json& network = j["networks"][k];
    network["name"] = message("f", k + 1);
    network.update(nlohmann::json(sizes[k]));
  }
  j["estimate_gmac"] = 1e-9 * costs.estimate;
  return j;
}

void print_model(const nlohmann::json& j) {
  const auto image = j["image"], grid = j["grid"];
  std::cout << visible(j["file"].get<std::string>()) << ": a trained model, " << j["networks"].size()
            << (j["networks"].size() == 1 ? " network" : " networks") << "\nclasses    ";
  for (std::size_t k = 0; k < j["classes"].size(); ++k)
    std::cout << (k > 0 ? ", " : "") << visible(j["classes"][k].get<std::string>());
  std::cout << "\nimages     " << image["height"] << " x " << image["width"] << " x " << j["channels"];
  if (j.contains("value_range"))
    std::cout << ", stored values " << j["value_range"][0] << " .. " << j["value_range"][1] << " become 0 .. 1";
  std::cout << "\npatches    " << grid["rows"] << " x " << grid["columns"] << "\nestimator  "
            << j["estimator"]["type"].get<std::string>() << "\npolicy     " << j["policy"]["type"].get<std::string>()
            << (j.contains("calibration") ? ", calibrated: takes --budget, --quality and --share" : "") << "\n\n";
  report::TextTable table({"network", "type", "parameters", "weights, KB", "GMAC", "done", "sent, KB", "of"});
  for (std::size_t k = 0; k < j["networks"].size(); ++k) {
    const auto& n = j["networks"][k];
    table.add({n["name"], n["type"], std::to_string(n["parameters"].get<Index>()),
               report::significant(1e-3 * n["weight_bytes"].get<double>()),
               report::significant(n["gmac"].get<double>()), report::significant(n["done_gmac"].get<double>()),
               report::significant(1e-3 * n["sent_bytes"].get<double>()), k == 0 ? "an image" : "a patch"});
  }
  std::cout << table;
}

nlohmann::json weights_info(const fs::path& file, const io::StateDict& tensors) {
  nlohmann::json j{{"kind", "weights"}, {"file", file.string()}, {"tensors", nlohmann::json::array()}};
  Index numbers = 0;
  for (const auto& [name, tensor] : tensors) {
    numbers += tensor.numel();
    j["tensors"].push_back({{"name", name}, {"type", message(tensor.dtype)}, {"shape", tensor.shape}});
  }
  j["numbers"] = numbers;
  return j;
}

void print_weights(const nlohmann::json& j) {
  std::cout << visible(j["file"].get<std::string>()) << ": weights, " << j["tensors"].size() << " tensors, "
            << j["numbers"] << " numbers\n";
  report::TextTable table({"tensor", "type", "shape"});
  for (const auto& tensor : j["tensors"]) table.add({tensor["name"], tensor["type"], tensor["shape"].dump()});
  std::cout << table;
}

nlohmann::json image_info(const fs::path& file) {
  io::ImageFile image(file);
  nlohmann::json j{{"kind", "image"}, {"file", file.string()}, {"pages", nlohmann::json::array()}};
  for (Index k = 0; k < image.pages(); ++k) {
    const io::DecodedImage page = image.page(k);
    j["pages"].push_back(
        {{"height", page.height()}, {"width", page.width()}, {"kind", page.kind()}, {"orientation", page.orientation}});
  }
  if (const auto resolution = image.resolution()) {
    if (const auto area = io::pixel_area(*resolution)) j["pixel_area"] = {{"area", area->area}, {"unit", area->unit}};
    if (const auto apart = io::page_distance(*resolution))
      j["page_distance"] = {{"distance", apart->first}, {"unit", apart->second}};
  }
  return j;
}

void print_image(const nlohmann::json& j) {
  const auto& first = j["pages"][0];
  std::cout << visible(j["file"].get<std::string>()) << ": an image, " << j["pages"].size()
            << (j["pages"].size() == 1 ? " page of " : " pages, the first of ") << first["height"] << " x "
            << first["width"] << ", " << first["kind"].get<std::string>();
  if (first["orientation"] != 1) std::cout << ", turned upright from orientation " << first["orientation"];
  if (j.contains("pixel_area"))
    std::cout << "; a pixel has " << j["pixel_area"]["area"] << " "
              << visible(j["pixel_area"]["unit"].get<std::string>());
  if (j.contains("page_distance"))
    std::cout << "; pages are " << j["page_distance"]["distance"] << " "
              << visible(j["page_distance"]["unit"].get<std::string>()) << " apart";
  std::cout << "\n";
}

nlohmann::json file_info(const fs::path& named, const std::string& variant) {
  const fs::path file = program::model_file(named, variant);
  const std::string ending = file.extension().string(), name = file.filename().string();
  if (name.ends_with(".index.json") || ending == ".pt" || ending == ".pth" || ending == ".bin")
    return weights_info(file, io::read_weights(file));
  if (holds_model(file)) return model_info(file);
  if (looks_like_safetensors(file)) return weights_info(file, io::read_weights(file));
  return image_info(file);
}

int info(const fs::path& file, const std::string& variant, const program::CommonOptions& common) {
  const nlohmann::json j = file_info(file, variant);
  if (common.dry_run)
    throw program::DryRunEnds{program::DryRun().reads({j["file"].get<std::string>(), j["kind"].get<std::string>()})};
  if (common.json)
    std::cout << io::json_text(j, 2) << "\n";
  else if (j["kind"] == "model")
    print_model(j);
  else if (j["kind"] == "weights")
    print_weights(j);
  else
    print_image(j);
  return program::done;
}

}  // namespace info_command

int run_info(int argc, char** argv) {
  using namespace info_command;
  std::filesystem::path file;
  std::string variant;
  program::CommonOptions common;
  CLI::App app("Says what a file is: a trained model, weights, or an image.");
  app.add_option("file", file, "a model or a run folder, weights (safetensors, .pt, .pth), or an image")->required();
  app.add_option("--variant", variant, "of a run folder: the checkpoint's name, such as paser_tuned");
  common.add_to(app);
  app.footer(
      "Example: paser info run\nExit status: 0 done; 2 wrong options, or the file cannot be read; 3 a number of the "
      "model is not finite.");
  return program::run(app, argc, argv, [&](const std::string&) { return info(file, variant, common); });
}

}  // namespace command
