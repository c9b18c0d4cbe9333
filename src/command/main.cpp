/// paser SUBCOMMAND ...: everything that is done with trained models and their data, in one program. Called by the name
/// of an older program, such as segment_image, it is the subcommand that took its place.
///
/// Exit status: that of the subcommand (docs/programs.md); 2 when there is no such one.

#include <filesystem>
#include <iostream>
#include <string>
#include <string_view>
#include <vector>

#include "command.hpp"
#include "common_options.hpp"
#include "paser/core/text.hpp"
#include "printed.hpp"

namespace {

/// What a user types behind `paser`.
struct Subcommand {
  std::string_view name;
  std::string_view old_name;  ///< a link of this name to the program is the subcommand; empty: there is none
  std::string_view summary;
  int (*run)(int argc, char** argv);
};

/// All of them, in the order in which one needs them.
const std::vector<Subcommand> subcommands{
    {"check", "check_data", "look at every file of a data set before anything is trained on it", command::run_check},
    {"train", "", "train networks and what routes patches among them", command::run_train},
    {"evaluate", "evaluate", "measure a trained model on images with masks", command::run_evaluate},
    {"segment", "segment_image", "segment images", command::run_segment},
    {"segment-many", "segment_many", "segment a list of any length, by any number of processes",
     command::run_segment_many},
    {"compare", "compare_runs", "mean and spread of several runs of one training", command::run_compare},
    {"synthesize", "make_electrodes", "make a data set of synthetic electrodes", command::run_synthesize},
    {"info", "", "say what a file is: a trained model, weights, or an image", command::run_info},
    {"convert", "", "published PyTorch weights to a model and back", command::run_convert},
    {"bench", "", "time a model on this machine", command::run_bench}};

void print_help(std::ostream& out) {
  out << "Usage: paser SUBCOMMAND [OPTIONS]\n\nSubcommands:\n";
  for (const auto& s : subcommands) out << "  " << s.name << std::string(14 - s.name.size(), ' ') << s.summary << "\n";
  out << "\n  paser SUBCOMMAND --help says more, with an example. Every one takes --json, --quiet, --dry-run and "
         "--version.\n\n"
         "From images to a trained model and back:\n"
         "  paser check data --masks 0:0,255:1\n"
         "  paser train --data data --masks 0:0,255:1 --out run\n"
         "  paser evaluate run\n"
         "  paser segment run new_images --out segmented\n";
}

int refuse(const std::string& word) {
  std::vector<std::string> known;
  for (const auto& s : subcommands) known.emplace_back(s.name);
  std::cerr << "error: " << paser::visible(paser::unknown_name("subcommand", word, known)) << "\n";
  return 2;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string called = argc > 0 ? std::filesystem::path(argv[0]).filename().string() : "";
  for (const auto& s : subcommands)
    if (called == s.old_name) return s.run(argc, argv);
  if (argc < 2) {
    print_help(std::cerr);
    return 2;
  }
  const std::string word = argv[1];
  if (word == "--help" || word == "-h" || word == "help") {
    print_help(std::cout);
    return program::printed(0);
  }
  if (word == "--version") {
    std::cout << program::version_text() << "\n";
    return program::printed(0);
  }
  for (const auto& s : subcommands) {
    if (word != s.name) continue;
    std::string name = "paser " + word;
    argv[1] = name.data();
    return s.run(argc - 1, argv + 1);
  }
  return refuse(word);
}
