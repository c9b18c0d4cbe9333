/// Writes a set of synthetic battery electrodes, images and masks, in the folder layout of the PaSeR authors' battery
/// data. The same seed and settings give the same files on every machine, and a run that was stopped goes on.
///
///   paser synthesize --out electrodes --count 240 40 120 --seed 7
///
/// Exit status: 0 done; 1 something failed; 2 wrong options; 130 interrupted, what was written stays.

#include <CLI/CLI.hpp>
#include <array>
#include <iostream>
#include <nlohmann/json.hpp>
#include <optional>

#include "command.hpp"
#include "common_options.hpp"
#include "electrodes/settings.hpp"
#include "paser/data/synthetic/generator.hpp"
#include "paser/io/image.hpp"
#include "paser/io/json.hpp"
#include "paser/io/output_folder.hpp"
#include "paser/report/interrupt.hpp"
#include "paser/report/progress.hpp"
#include "paser/report/table.hpp"
#include "program.hpp"

namespace command {

namespace synthesize_command {

using paser::Index;
using paser::data::ElectrodeParameters;
using paser::data::synthetic::Range;
namespace report = paser::report;
using Path = std::filesystem::path;

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

/// The folder of a set: one pair of folders a part, and electrodes.json.
class Set {
 public:
  /// Opens a folder, or makes it. Throws ValueError when it holds something else, IoError when another process works
  /// there.
  Set(const Path& folder, nlohmann::ordered_json settings, bool dry_run)
      : out_(folder, "make_electrodes",
             {.called = "paser synthesize",
              .alone = true,
              .dry_run = dry_run,
              .advice = "remove it to have it made again, or choose another place for the output"}),
        settings_(std::move(settings)) {
    if (std::filesystem::exists(description())) {
      check_same();
      // A set of before there were manifests: these are its settings.
      if (!out_.lists("electrodes.json")) out_.adopt("electrodes.json");
      return;
    }
    std::error_code none;
    for (const auto& entry : std::filesystem::directory_iterator(folder, none))
      paser::check<paser::ValueError>(entry.path().filename() == paser::io::OutputManifest::file_name,
                                      "paser synthesize", folder.string(),
                                      " is not an empty folder, and has no electrodes.json; choose another --out");
    save(settings_);
  }

  Path description() const { return out_.path() / "electrodes.json"; }
  /// Within the folder.
  static std::string name(const char* part, const char* kind, Index i) {
    std::string number = std::to_string(i);
    number.insert(0, number.size() < 5 ? 5 - number.size() : 0, '0');
    return std::string(part) + kind + "/electrode_" + number + ".png";
  }
  Path file(const char* part, const char* kind, Index i) const { return out_.path() / name(part, kind, i); }
  /// Whether an image and its mask are there as they were written. What a program of before there were manifests wrote
  /// is made again and compared.
  bool has(const char* part, Index i) const {
    return out_.unchanged(name(part, "_images", i)) && out_.unchanged(name(part, "_label", i));
  }
  /// Throws ValueError when a file of the set was changed since it was written.
  void require_unchanged(const char* part, Index size) {
    for (Index i = 0; i < size; ++i)
      for (const char* kind : {"_images", "_label"})
        if (const std::string own = name(part, kind, i); out_.lists(own)) out_.require(own);
  }
  /// How many images of a part are there.
  Index present(const char* part, Index size) const {
    Index count = 0;
    for (Index i = 0; i < size; ++i) count += has(part, i) ? 1 : 0;
    return count;
  }
  /// An image or a mask. A file that is there stays when it has this picture, and is refused when a run of this program
  /// did not write it.
  void save(const char* part, const char* kind, Index i, const paser::Tensor<std::uint8_t, 3>& picture) {
    const std::string own = name(part, kind, i);
    if (holds(file(part, kind, i), picture)) return out_.adopt(own);
    out_.write(own, paser::io::encode_png(picture));
  }
  void save(const nlohmann::ordered_json& json) { out_.write("electrodes.json", paser::io::json_text(json, 2) + "\n"); }
  const nlohmann::ordered_json& settings() const { return settings_; }

 private:
  static bool holds(const Path& file, const paser::Tensor<std::uint8_t, 3>& picture) {
    if (std::error_code none; !std::filesystem::is_regular_file(file, none)) return false;
    try {
      const auto there = paser::io::read_image(file);
      return there.maximum == 255 && there.pixels.shape() == picture.shape() &&
             std::ranges::equal(there.pixels.values(), picture.values());
    } catch (const paser::Error&) {  // no picture
      return false;
    }
  }

  void check_same() const {
    const auto old = paser::io::read_json<nlohmann::ordered_json>(description());
    const std::string origin = description().string();
    paser::check<paser::FormatError>(old.is_object(), origin.c_str(), "is not the description of a set");
    const auto compare = [&](const std::string& name, const auto& there, const auto& here) {
      paser::check<paser::ValueError>(there == here, origin.c_str(), "this folder holds a set with ", name, " = ",
                                      there.dump(), ", asked for is ", here.dump(), "; choose another --out");
    };
    for (const auto& [name, value] : settings_.items()) {
      if (name == "parameters")
        for (const auto& [key, v] : value.items())
          compare(key, old.value(name, nlohmann::ordered_json::object()).value(key, nlohmann::ordered_json()), v);
      compare(name, old.value(name, nlohmann::ordered_json()), value);
    }
  }

  paser::io::OutputFolder out_;
  nlohmann::ordered_json settings_;
};

/// The gray value of a class in the authors' masks.
std::uint8_t mask_gray(std::int32_t label) {
  constexpr std::uint8_t grays[] = {0, 255, 128};
  return grays[label];
}

void count(const paser::Labels& labels, Counts& counts) {
  for (const std::int32_t label : labels.values()) ++counts[static_cast<std::size_t>(label)];
}

/// Writes the images `numbers` of a part.
void write_images(Set& set, const ElectrodeParameters& parameters, paser::Key key, const char* part,
                  const std::vector<Index>& numbers, Counts& counts) {
  std::vector<paser::data::Electrodes> made(numbers.size());
  paser::parallel_each(static_cast<Index>(numbers.size()), [&](Index i) {
    const auto at = static_cast<std::size_t>(i);
    made[at] = paser::data::make_electrodes(key, numbers[at], 1, parameters);
  });
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    count(made[i].labels, counts);
    paser::Tensor<std::uint8_t, 3> mask({parameters.height, parameters.width, 1});
    std::ranges::transform(made[i].labels.values(), mask.mutable_data(), mask_gray);
    paser::Tensor<std::uint8_t, 3> image({parameters.height, parameters.width, 1});
    std::ranges::copy(made[i].images.values(), image.mutable_data());
    set.save(part, "_images", numbers[i], image);
    set.save(part, "_label", numbers[i], mask);
  }
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
  const Index chunk = 4 * paser::threads();
  for (Index begin = 0; begin < static_cast<Index>(missing.size()); begin += chunk) {
    if (report::interrupted())
      throw program::Interrupted("interrupted; the same command goes on with the missing images");
    const Index end = std::min(begin + chunk, static_cast<Index>(missing.size()));
    write_images(set, parameters, key, part, {missing.begin() + begin, missing.begin() + end}, counts);
    progress.update(size - static_cast<Index>(missing.size()) + end);
  }
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
    const auto missing = static_cast<std::size_t>(a.count[p] - set.present(parts[p], a.count[p]));
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
    const paser::Key key = paser::Key{arguments.seed}.fold(p);
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
  for (std::size_t p = 0; p < parts.size(); ++p) set.require_unchanged(parts[p], arguments.count[p]);
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
