/// Measures a trained PaSeR, or one of its networks alone, on a folder of images and masks.
///
///   paser evaluate RUN --data DIR                       the test images of a data set, see data::data_parts
///   paser evaluate MODEL.safetensors --images A --masks-folder B --masks 0:0,255:1
///
/// What is not said (the meaning of the masks' values, channels, the range of the stored values, how images are fitted
/// to one size) is as in the training, where the model's file tells. Images of the trained size are segmented as in
/// training, others window by window (see pipeline/tiled.hpp).
///
/// Exit status: 0 done; 1 something failed; 2 wrong options, or a model or data that cannot be read; 3 a weight or an
/// answer is not finite; 130 interrupted, without a result.

#include <CLI/CLI.hpp>
#include <set>

#include "command.hpp"
#include "common_options.hpp"
#include "data_options.hpp"
#include "evaluate/outputs.hpp"
#include "evaluate/tell.hpp"
#include "model_options.hpp"
#include "paser/data/class_names.hpp"
#include "paser/experiment/run_settings.hpp"
#include "paser/io/json.hpp"
#include "paser/report/interrupt.hpp"
#include "paser/report/progress.hpp"
#include "without_noise.hpp"

namespace command {

namespace evaluate_command {

using namespace evaluation;
namespace experiment = paser::experiment;
namespace fs = std::filesystem;

struct Arguments {
  ModelOptions model;
  program::DataOptions data;
  fs::path csv, out;
  std::string part = "test", fit;
  std::vector<Index> size;
  double noise = 0;
  std::optional<std::uint64_t> seed;
  bool overwrite = false;
  program::CommonOptions common;
};

/// Whether the command line says in place of the training where a path of the settings is.
bool said(const program::DataOptions& d, const std::string& setting) {
  if (setting == "class_file") return !d.masks.empty() || !d.class_file.empty();
  return !d.data.empty() || !d.images.empty() || (setting == "list" && !d.list.empty());
}

/// The settings that a model's file has. Throws FormatError, naming the file, where one can be no setting.
void read_stored(const nlohmann::json& stored, const fs::path& file, experiment::FolderSettings& c) {
  const std::string origin = file.string() + ": 'settings' in the description's info";
  paser::check<paser::FormatError>(stored.is_object(), origin.c_str(), "expected an object, got ", stored.type_name());
  try {
    experiment::read_known(stored, c);
    experiment::check_settings(c);
  } catch (const paser::ValueError& error) {
    throw paser::FormatError(paser::message(origin, ": ", error.what()));
  }
}

/// The settings of the training, as far as the model's file has them, with what the command line says. The file knows
/// no folders; the configuration of the run that it lies in does, as they were typed where the run was begun.
experiment::FolderSettings settings(const Arguments& a, const fs::path& file, const pipeline::PaserDescription& d) {
  experiment::FolderSettings c;
  if (d.info.contains("settings")) read_stored(d.info["settings"], file, c);
  c.skip_bad = false;  // what a training may do without is asked for anew
  const fs::path configuration = file.parent_path().parent_path() / "config.json";
  const auto run = file.parent_path().filename() == "checkpoints" && fs::exists(configuration)
                       ? paser::io::read_json(configuration)
                       : nlohmann::json::object();
  paser::check<paser::FormatError>(run.is_object(), configuration.string().c_str(),
                                   "is not the configuration of a run");
  for (const auto& [name, path] : {std::pair{"data", &c.data},
                                   {"images", &c.images},
                                   {"masks_folder", &c.masks_folder},
                                   {"list", &c.list},
                                   {"class_file", &c.class_file}}) {
    if (path->empty()) continue;
    if (run.contains("settings") && !said(a.data, name))
      *path = experiment::found_again(experiment::path_setting(run, configuration, name, *path), run, name).string();
    else if (path != &c.class_file && !fs::path(*path).has_parent_path())
      path->clear();
    else
      paser::check<paser::ValueError>(
          fs::path(*path).has_parent_path() || !a.data.masks.empty() || !a.data.class_file.empty(), "evaluate",
          "the model was trained with the class file ", *path, "; expected it as --class-file, or --masks");
  }
  c.value_range = d.value_range ? std::array{d.value_range->low, d.value_range->high} : std::array{0.0, 0.0};
  a.data.apply_to(c);
  if (!a.fit.empty()) c.fit = a.fit;
  if (a.seed) c.seed = *a.seed;
  if (!a.size.empty())
    c.size = {a.size.at(0), a.size.at(1)};
  else if (c.size == std::array<Index, 2>{0, 0})
    c.size = {d.height, d.width};
  return c;
}

/// The folders that hold the images and their masks.
paser::data::PartFolders folders(const Arguments& a, const experiment::FolderSettings& c) {
  using paser::ValueError;
  if (!a.data.images.empty()) return {"all", c.images, c.masks_folder, {}};
  paser::check<ValueError>(!c.source().empty(), "evaluate", "expected --data, or --images and --masks-folder");
  const auto parts = experiment::parts_of(c);
  if (a.part == "all") {
    paser::check<ValueError>(!parts.front().stems.empty(), "--part", "all is of a folder with images and masks, which ",
                             c.source(), " is not; expected test, validation or train");
    return {"all", parts.front().images, parts.front().masks, {}};
  }
  program::tell_division(paser::data::divided_sentence(parts));
  for (const auto& part : parts)
    if (part.part == a.part) return part;
  throw ValueError(paser::message("evaluate: ", c.source(), " has no images for the part ", a.part));
}

/// Throws ValueError unless the masks' classes are the model's, by their number and, where both have them, their names.
void check_classes(const paser::data::LabelEncoding& map, const experiment::FolderSettings& c,
                   const pipeline::PaserDescription& d) {
  using namespace paser::data;
  const std::string where = c.class_file.empty() ? "--masks " + c.masks : c.class_file;
  paser::check<paser::ValueError>(map.classes() <= d.classes(), where.c_str(), "has ", map.classes(),
                                  " classes, expected those of the model, at most ", d.classes());
  const auto names = class_names(map);
  const SameClasses same = same_classes(names, d.class_names);
  paser::check<paser::ValueError>(
      same == SameClasses::yes, where.c_str(), "names the classes ", listed_classes(names), "; expected ",
      same == SameClasses::reordered ? "the same in the order of the model, " : "those of the model, ",
      listed_classes(d.class_names));
}

Folder opened(const Arguments& a, const experiment::FolderSettings& c, const pipeline::PaserDescription& d) {
  auto options = experiment::reading(c, false);
  check_classes(options.files.map, c, d);
  options.files.map = options.files.map.with_classes(d.classes());
  paser::check<paser::ValueError>(a.data.channels == 0 || a.data.channels == d.channels, "--channels",
                                  "the model takes images of ", d.channels);
  options.files.channels = d.channels;
  const auto part = folders(a, c);
  const bool of_parts = a.data.images.empty() && a.part != "all";
  paser::data::restrict_to(options.files.pairing, part,
                           of_parts ? experiment::parts_of(c) : std::vector<paser::data::PartFolders>{});
  return Folder(part.images, part.masks, options);
}

/// The scores as JSON, and what was done to get them.
nlohmann::json results(const std::vector<evaluation::ImageScore>& scores, const Method& method,
                       const pipeline::PaserDescription& description, const Arguments& a, const fs::path& model,
                       const std::string& command) {
  nlohmann::json document = evaluation::document(scores, description.class_names, method.class_mean);
  document["model"] = model.string();
  document["method"] = a.model.only;
  document["command"] = command;
  document["noise"] = a.noise;
  return document;
}

/// What would be read and written.
program::DryRun described(const fs::path& model, const Folder& folder, const Outputs& outputs) {
  program::DryRun would;
  would.reads({model});
  std::set<fs::path> files;  // of which several tiles may be
  for (Index i = 0; i < folder.size(); ++i) files.insert({folder.info(i).image, folder.info(i).mask});
  would.reads_all(files);
  outputs.tell(would);
  return would;
}

/// How the model is to answer.
Method method_of(const Arguments& a, const pipeline::Paser<float>& paser, const pipeline::PaserDescription& d,
                 const experiment::FolderSettings& config, program::DomainWatch& watch) {
  Method method{.policy =
                    program::chosen_policy(paser, a.model.only, a.model.thresholds, a.model.target, d.calibration)};
  method.watch = &watch;
  method.overlap = a.model.overlap;
  method.noise = a.noise;
  method.class_mean = class_mean(config);
  // The stream from which train_segmentation draws when it compares, so that both tell the same.
  method.key = Key{config.seed}.fold(7);
  return method;
}

/// Scores all images, and writes the masks found.
std::vector<evaluation::ImageScore> scored(const pipeline::PaserDescription& d, const pipeline::Paser<float>& paser,
                                           const Folder& folder, Method& method, Outputs& outputs) {
  const report::InterruptGuard guard;
  const auto stop_if_interrupted = [] {
    if (report::interrupted()) throw program::Interrupted("interrupted; there is no result");
  };
  method.window_done = [&](Index, Index) { stop_if_interrupted(); };
  report::Progress progress("evaluate", folder.size(), report::ProgressOptions{.unit = "images"});
  auto scores = score(
      d, paser, folder, method,
      [&](Index done) {
        stop_if_interrupted();
        progress.update(done);
      },
      [&](Index i, const Labels& labels) { outputs.mask(i, labels, d.classes()); });
  progress.finish();
  return scores;
}

int run(const Arguments& a, const std::string& command) {
  if (!a.csv.empty()) (void)paser::io::folder_and_name(a.csv);
  const fs::path file = a.model.file();
  auto loaded = pipeline::load_paser(file);
  const pipeline::PaserDescription& description = loaded.description;
  pipeline::Paser<float>& paser = loaded.paser;
  const experiment::FolderSettings config = settings(a, file, description);
  paser::check<paser::ValueError>(a.model.samples == 0 || !a.model.target.asked(), "evaluate",
                                  "--samples changes what the policy sees; --budget, --quality and --share find the ",
                                  "price by a calibration of the model's own estimator");
  if (a.model.samples > 0) paser.estimator = paser::uncertainty::McDropout{a.model.samples};
  if (a.model.only == "paser") of_model(file, [&] { program::warn_without_noise(paser, description.channels); });
  paser::FilterCache<float> filters;
  paser.filters = &filters;
  program::DomainWatch watch(description.calibration);
  Method method = method_of(a, paser, description, config, watch);
  const Folder folder = opened(a, config, description);
  const experiment::LeftOut left_out = experiment::left_out_of(folder.report());
  std::cerr << experiment::left_out_sentence(left_out);
  for (const std::string& warning : folder.report().warnings)
    std::cerr << "warning: " << paser::visible(warning) << "\n";
  program::work_has_begun() = true;
  Outputs outputs({a.out, a.csv, a.overwrite, a.common.dry_run}, file, config, folder);
  if (a.common.dry_run) throw program::DryRunEnds{described(file, folder, outputs)};
  const auto scores = of_model(file, [&] { return scored(description, paser, folder, method, outputs); });

  nlohmann::json document = results(scores, method, description, a, file, command);
  document["estimator"] = program::part_json(paser.estimator.spec());
  document["policy"] = program::part_json(method.policy.spec());
  document["seed"] = config.seed;
  const auto domain = watch.check();
  if (domain) document["domain"] = *domain;
  if (!left_out.empty()) document["left_out"] = left_out;
  const std::string text = paser::io::json_text(document, 2) + "\n";
  outputs.results(text, csv(scores, description.class_names), total(scores).calibration);
  if (a.common.json)
    std::cout << text;
  else
    print(std::cout, scores, description.class_names, method.class_mean);
  if (a.model.target.asked() && domain && domain->other()) std::cerr << program::DomainWatch::warning(*domain) << "\n";
  return program::end_without(left_out);
}

}  // namespace evaluate_command

int run_evaluate(int argc, char** argv) {
  using namespace evaluate_command;
  Arguments a;
  CLI::App app("Measures a trained PaSeR on images with masks.");
  add_model_options(app, a.model);
  program::add_data_options(app, a.data);
  program::add_skip_option(app, a.data);
  app.add_option("--part", a.part, "of --data: test, validation, train; all of a folder with images and masks")
      ->check(CLI::IsMember({"test", "validation", "train", "all"}))
      ->capture_default_str();
  app.add_option("--fit", a.fit, "whole: images of any size as they are; crop, tiles: of --size");
  app.add_option("--size", a.size, "height and width of crops and tiles; the trained size by default")
      ->expected(2)
      ->check(CLI::Range(1, 65536));
  app.add_option("--noise", a.noise, "share of pixels that become salt or pepper, such as 0.01")
      ->check(program::within(0, 1));
  app.add_option("--seed", a.seed, "of dropout and noise; the training's by default")->check(program::seed());
  app.add_option("--out", a.out,
                 "folder for evaluation.json, images.csv, reliability.csv and .svg, and the masks found");
  app.add_option("--csv", a.csv, "file for a table of all images");
  app.add_flag("--overwrite", a.overwrite, "replace files that paser evaluate did not write, but no input");
  a.common.add_to(app);
  app.footer(
      "What is not said about the images is as in the training.\n"
      "Example: paser evaluate run --images new --masks-folder new_masks --masks 0:0,255:1\n"
      "Exit status: 0 done; 1 something failed; 2 wrong options, or a model or data that cannot be read; 3 a weight "
      "or\n"
      "an answer is not finite; 5 done, but for files that --skip-bad left out; 130 interrupted.");
  return program::run(app, argc, argv, [&](const std::string& command) { return run(a, command); });
}

}  // namespace command
