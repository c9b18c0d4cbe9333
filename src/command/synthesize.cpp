/// Writes a set of synthetic battery electrodes, images and masks, in the folder layout of the PaSeR authors' battery
/// data. The same seed and settings give the same files on every machine, and a run that was stopped goes on.
///
///   paser synthesize --out electrodes --count 240 40 120 --seed 7
///
/// Exit status: 0 done; 1 something failed; 2 wrong options; 130 interrupted, what was written stays.

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <iostream>
#include <nlohmann/json.hpp>
#include <optional>

#include "command.hpp"
#include "common_options.hpp"
#include "electrode_set.hpp"
#include "electrodes/settings.hpp"
#include "paser/data/synthetic/generator.hpp"
#include "paser/io/image.hpp"
#include "paser/io/json.hpp"
#include "paser/report/interrupt.hpp"
#include "paser/report/progress.hpp"
#include "paser/report/table.hpp"
#include "program.hpp"

namespace command {

namespace synthesize_command {

using paser::data::ElectrodeParameters;
using paser::data::synthetic::Range;
namespace report = paser::report;

constexpr std::array<const char*, 3> parts{"train", "validation", "test"};
constexpr std::array<const char*, paser::data::battery_classes> class_names{"pore", "carbon", "nickel"};
using Counts = std::array<Index, paser::data::battery_classes>;

struct Arguments {
  std::string out = "data/electrodes";
  std::uint64_t seed = 1;
  std::vector<Index> count{1270, 20, 40};
  std::vector<std::string> settings;
  int threads = 0;
  bool list = false;
  program::CommonOptions common;
};

std::string text_of(const Range& range) {
  return paser::message(range.low, ",", range.high);
}
template <class T>
std::string text_of(const T& value) {
  return paser::message(value);
}

/// The number that a float is printed as: 0.11 and not 0.1099999994.
double shortest(float value) {
  return std::stod(text_of(value));
}

/// All parameters with their values, for the manifest.
nlohmann::ordered_json document(const ElectrodeParameters& parameters) {
  nlohmann::ordered_json json;
  ElectrodeParameters::visit(parameters, [&]<class T>(const char* name, const T& value) {
    if constexpr (std::is_same_v<T, Range>)
      json[name] = {shortest(value.low), shortest(value.high)};
    else if constexpr (std::is_same_v<T, float>)
      json[name] = shortest(value);
    else
      json[name] = value;
  });
  return json;
}

/// The gray value of a class in the authors' masks.
std::uint8_t mask_gray(std::int32_t label) {
  constexpr std::uint8_t grays[] = {0, 255, 128};
  return grays[label];
}

void count(const paser::Labels& labels, Counts& counts) {
  for (const std::int32_t label : labels.values()) ++counts[static_cast<std::size_t>(label)];
}

Pictures pictures_of(const paser::data::Electrodes& made) {
  const Index height = made.images.shape()[1], width = made.images.shape()[2];
  Pictures pictures{paser::Tensor<std::uint8_t, 3>({height, width, 1}),
                    paser::Tensor<std::uint8_t, 3>({height, width, 1})};
  std::ranges::copy(made.images.values(), pictures[0].mutable_data());
  std::ranges::transform(made.labels.values(), pictures[1].mutable_data(), mask_gray);
  return pictures;
}

/// Makes the images `numbers` of a part, some at a time, and calls use(number, electrodes) with each.
template <class Use>
void each_made(const ElectrodeParameters& parameters, paser::Key key, const std::vector<Index>& numbers,
               const Use& use) {
  const auto chunk = static_cast<std::size_t>(4 * paser::threads());
  for (std::size_t begin = 0; begin < numbers.size(); begin += chunk) {
    if (report::interrupted())
      throw program::Interrupted("interrupted; the same command goes on with the missing images");
    std::vector<paser::data::Electrodes> made(std::min(chunk, numbers.size() - begin));
    paser::parallel_each(static_cast<Index>(made.size()), [&](Index i) {
      const auto at = static_cast<std::size_t>(i);
      made[at] = paser::data::make_electrodes(key, numbers[begin + at], 1, parameters);
    });
    for (std::size_t i = 0; i < made.size(); ++i) use(numbers[begin + i], made[i]);
  }
}

paser::Key key_of(std::uint64_t seed, std::size_t part) {
  return paser::Key{seed}.fold(part);
}

/// Looks at all that is there. Throws ValueError where anything is not the set's: before an image is made that may be
/// of no use. Of a file that is not listed only its picture tells that it is, so that this is made again.
void look(const Arguments& arguments, const ElectrodeParameters& parameters, Set& set) {
  std::array<std::vector<Index>, parts.size()> unlisted;
  Index total = 0, done = 0;
  for (std::size_t p = 0; p < parts.size(); ++p) {
    unlisted[p] = set.look(parts[p], arguments.count[p]);
    total += static_cast<Index>(unlisted[p].size());
  }
  if (total == 0) return;
  report::Progress progress("compare", total, report::ProgressOptions{.unit = "images"});
  for (std::size_t p = 0; p < parts.size(); ++p)
    each_made(parameters, key_of(arguments.seed, p), unlisted[p], [&](Index i, const paser::data::Electrodes& made) {
      set.adopt(parts[p], i, pictures_of(made));
      progress.update(++done);
    });
  progress.finish();
}

/// One part of the set; images that are there already stay. Returns the pixels of each class.
Counts make_part(Set& set, const ElectrodeParameters& parameters, paser::Key key, const char* part, Index size) {
  Counts counts{};
  std::vector<Index> missing;
  for (Index i = 0; i < size; ++i) {
    if (set.has(part, i))
      count(paser::data::battery_labels(paser::io::read_image(set.file(part, "_label", i))), counts);
    else
      missing.push_back(i);
  }
  report::Progress progress(part, size, report::ProgressOptions{.unit = "images"},
                            size - static_cast<Index>(missing.size()));
  Index done = size - static_cast<Index>(missing.size());
  each_made(parameters, key, missing, [&](Index i, const paser::data::Electrodes& made) {
    count(made.labels, counts);
    set.save(part, i, pictures_of(made));
    progress.update(++done);
  });
  progress.update(size);
  progress.finish();
  return counts;
}

/// Of each class a number; none of no images.
using OfClasses = std::optional<std::array<double, 3>>;

/// Share of each class.
OfClasses shares_of(const Counts& counts) {
  const auto all = static_cast<double>(counts[0] + counts[1] + counts[2]);
  if (all == 0) return {};
  std::array<double, 3> shares{};
  for (std::size_t k = 0; k < 3; ++k) shares[k] = static_cast<double>(counts[k]) / all;
  return shares;
}

/// The authors' rule: the class weight is 1 - share in the training images.
OfClasses weights_of(const OfClasses& shares) {
  if (!shares) return {};
  std::array<double, 3> weights{};
  std::ranges::transform(*shares, weights.begin(), [](double share) { return 1 - share; });
  return weights;
}

nlohmann::ordered_json json_of(const OfClasses& numbers) {
  return numbers ? nlohmann::ordered_json(*numbers) : nlohmann::ordered_json();
}

void tell_shares(const char* part, Index images, const OfClasses& shares) {
  std::cout << part << ": "
            << (shares ? program::DryRun::counted(static_cast<std::size_t>(images), "image") : "no images");
  for (std::size_t k = 0; shares && k < 3; ++k)
    std::cout << ", " << class_names[k] << " " << report::fixed(100 * (*shares)[k], 2) << " %";
  std::cout << "\n";
}

void tell_weights(const OfClasses& weights) {
  std::cout << "class weights";
  for (std::size_t k = 0; weights && k < 3; ++k) std::cout << " " << report::fixed((*weights)[k], 5);
  std::cout << (weights ? " (1 - share)\n" : ": none, since there are no training images\n");
}

/// What would be written: of each part the images that are missing, and their masks.
program::DryRun described(const Arguments& a, const ElectrodeParameters& parameters, const Set& set) {
  program::DryRun would;
  for (std::size_t p = 0; p < parts.size(); ++p) {
    const auto missing = static_cast<std::size_t>(a.count[p] - set.present(parts[p]));
    if (missing == 0) continue;
    for (const auto& [kind, what] : {std::pair{"_images", "image"}, {"_label", "mask"}})
      would.writes(
          {set.description().parent_path() / (std::string(parts[p]) + kind),
           program::DryRun::counted(missing, what) + paser::message(" of ", parameters.height, " x ", parameters.width),
           {{"files", missing}, {"height", parameters.height}, {"width", parameters.width}}});
  }
  return would.writes({set.description()});
}

/// Makes all parts, and tells of each; returns what the set's description then says.
nlohmann::ordered_json make_set(const Arguments& arguments, const ElectrodeParameters& parameters, Set& set) {
  nlohmann::ordered_json manifest = set.settings();
  manifest["classes"] = {{"pore", mask_gray(0)}, {"carbon", mask_gray(1)}, {"nickel", mask_gray(2)}};
  for (std::size_t p = 0; p < parts.size(); ++p) {
    const paser::Key key = key_of(arguments.seed, p);
    const auto shares = shares_of(make_part(set, parameters, key, parts[p], arguments.count[p]));
    manifest["shares"][parts[p]] = json_of(shares);
    if (!arguments.common.json) tell_shares(parts[p], arguments.count[p], shares);
    if (p > 0) continue;
    const auto weights = weights_of(shares);
    manifest["class_weights"] = json_of(weights);
    if (!arguments.common.json) tell_weights(weights);
  }
  set.save(manifest);
  return manifest;
}

int run(const Arguments& arguments) {
  ElectrodeParameters parameters;
  for (const std::string& setting : arguments.settings) electrodes::apply(setting, parameters);
  paser::data::synthetic::check_parameters(parameters);
  if (arguments.list) {
    ElectrodeParameters::visit(parameters,
                               [](const char* name, const auto& v) { std::cout << name << "=" << text_of(v) << "\n"; });
    return program::done;
  }
  for (const Index size : arguments.count)
    paser::check<paser::ValueError>(size >= 0 && size <= 1000000, "--count", size, " images, expected 0 .. 1000000");
  if (arguments.threads > 0) paser::set_threads(arguments.threads);

  const nlohmann::ordered_json settings{{"what", "synthetic battery electrodes"},
                                        {"recipe", paser::data::electrode_recipe},
                                        {"seed", arguments.seed},
                                        {"count", arguments.count},
                                        {"parameters", document(parameters)}};
  const report::InterruptGuard guard;
  program::work_has_begun() = true;
  Set set(arguments.out, settings, arguments.common.dry_run);
  look(arguments, parameters, set);
  if (arguments.common.dry_run) throw program::DryRunEnds{described(arguments, parameters, set)};
  const nlohmann::ordered_json manifest = make_set(arguments, parameters, set);
  std::cout << (arguments.common.json ? paser::io::json_text(manifest, 2) : paser::visible(set.description().string()))
            << "\n";
  return program::done;
}

}  // namespace synthesize_command

int run_synthesize(int argc, char** argv) {
  using namespace synthesize_command;
  Arguments arguments;
  CLI::App app("Makes a set of synthetic three-phase battery electrodes: nano-CT images and their masks, as PNG.");
  app.add_option("--out", arguments.out, "folder of the set; one with an unfinished set is completed")
      ->capture_default_str();
  app.add_option("--seed", arguments.seed, "of everything")->check(program::seed())->capture_default_str();
  app.add_option("--count", arguments.count, "images for training, validation and test")
      ->expected(3)
      ->capture_default_str();
  app.add_option("--set", arguments.settings, "a parameter of the recipe, as name=value or name=low,high; repeatable");
  app.add_option("--threads", arguments.threads, "at most so many; default: all cores")->check(CLI::Range(1, 4096));
  app.add_flag("--list-knobs", arguments.list, "print every parameter of the recipe and its value");
  arguments.common.add_to(app);
  app.footer(
      "Example: paser synthesize --out electrodes --count 240 40 120 --seed 7\n"
      "Exit status: 0 done; 1 something failed; 2 wrong options; 130 interrupted, what was written stays.");
  return program::run(app, argc, argv, [&](const std::string&) { return run(arguments); });
}

}  // namespace command
