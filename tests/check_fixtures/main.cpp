/// Runs the library against every case of the reference fixtures in a folder.

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <exception>
#include <iostream>
#include <string>

#include "families.hpp"
#include "zoo.hpp"

namespace {

using namespace fixtures;

Registry all_checks() {
  Registry checks;
  for (const auto add : {add_hash, add_conv, add_linear_attention, add_loss, add_pool_resize, add_state, add_optim,
                         add_reinforce, add_routing, add_metrics, add_imaging, add_norm, add_activation, add_policy,
                         add_models, add_flops, add_pretrain_steps, add_rl_step, add_finetune_step})
    add(checks);
  return checks;
}

struct Tally {
  paser::Index passed = 0, failed = 0, compared = 0;
};

struct Options {
  std::filesystem::path folder;
  std::string only;  ///< runs only cases whose file or name contains this
  bool verbose = false;
};

std::vector<Failure> run(Case& c, const Registry& checks) {
  try {
    const std::string op = c.text("op");
    const auto found = checks.find(op);
    if (found == checks.end()) return {{"op", "unknown op '" + op + "'", 0}};
    found->second(c);
  } catch (const std::exception& error) {
    auto failures = c.finish();
    failures.insert(failures.begin(), {"-", std::string("exception: ") + error.what(), 0});
    return failures;
  }
  return c.finish();
}

/// The network of one file zoo_*; its checkpoint, where it has one, lies beside.
std::vector<Failure> run_zoo_file(const std::filesystem::path& path, paser::Index& compared) {
  ZooReference reference(path);
  try {
    if (path.filename().string().starts_with("zoo_full_")) {
      check_zoo_full(reference);
    } else {
      check_zoo_tiny(reference, path.parent_path() / reference.text("weights"));
    }
  } catch (const std::exception& error) {
    return {{"-", std::string("exception: ") + error.what(), 0}};
  }
  compared = reference.compared();
  return reference.finish();
}

/// The first lines of a text that may have hundreds, as what a checkpoint lacks.
std::string first_lines(const std::string& text, int lines) {
  std::size_t end = 0;
  for (int i = 0; i < lines && end != text.npos; ++i) end = text.find('\n', end == 0 ? 0 : end + 1);
  if (end == text.npos) return text;
  const auto more = std::count(text.begin() + static_cast<std::ptrdiff_t>(end), text.end(), '\n');
  return paser::message(text.substr(0, end), "\n  ... and ", more, " lines more, see --verbose");
}

/// A case that fails: its worst tensor, and how many others there are; with `all` every tensor, and all that is said.
void report(const std::string& file, const std::string& name, const std::vector<Failure>& failures, bool all) {
  const std::size_t shown = all ? failures.size() : 1;
  for (std::size_t i = 0; i < shown; ++i) {
    std::cout << "FAIL " << file << ' ' << name << ' ' << failures[i].key << ": "
              << (all ? failures[i].what : first_lines(failures[i].what, 12));
    if (!all && failures.size() > 1) std::cout << " (and " << failures.size() - 1 << " more)";
    std::cout << '\n';
  }
  std::cout.flush();
}

/// Runs the case of this name unless the options leave it out, and adds it to the tally. `run` gives the failures and
/// the number of tensors compared.
template <class Run>
void run_case(const std::string& file, const std::string& name, const Options& options, Tally& tally, const Run& run) {
  if ((file + " " + name).find(options.only) == std::string::npos) return;
  const auto start = std::chrono::steady_clock::now();
  paser::Index compared = 0;
  const std::vector<Failure> failures = run(compared);
  ++(failures.empty() ? tally.passed : tally.failed);
  tally.compared += compared;
  if (!failures.empty()) report(file, name, failures, options.verbose);
  if (options.verbose && failures.empty()) {
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
    std::cout << "ok   " << file << ' ' << name << ": " << compared << " tensors, " << seconds.count() << " s\n";
  }
}

void run_file(const std::filesystem::path& path, const Registry& checks, const Options& options, Tally& tally) {
  const std::string file_name = path.filename().string();
  if (file_name.starts_with("zoo_")) {
    if (file_name.ends_with(".weights.safetensors")) return;  // its io file runs it
    return run_case(file_name, "-", options, tally, [&](paser::Index& n) { return run_zoo_file(path, n); });
  }
  const FixtureFile file(path);
  for (const std::string& name : file.cases())
    run_case(file_name, name, options, tally, [&](paser::Index& compared) {
      Case c(file, name);
      auto failures = run(c, checks);
      compared = c.compared();
      return failures;
    });
}

Tally run_folder(const Options& options) {
  std::vector<std::filesystem::path> paths;
  for (const auto& entry : std::filesystem::directory_iterator(options.folder)) {
    const std::string name = entry.path().filename().string();
    if (name.ends_with(".safetensors")) paths.push_back(entry.path());
  }
  std::sort(paths.begin(), paths.end());

  const Registry checks = all_checks();
  Tally tally;
  for (const auto& path : paths) try {
      run_file(path, checks, options, tally);
    } catch (const std::exception& error) {
      ++tally.failed;
      report(path.filename().string(), "-", {{"-", error.what(), 0}}, options.verbose);
    }
  return tally;
}

constexpr const char* usage =
    "Usage: check_fixtures DIR [--only TEXT] [--verbose]\n"
    "Runs every case of DIR/*.safetensors against the library. Prints a line for each case that fails and a count at "
    "the end; exits with 1 when a case fails or none was found, with 2 on wrong arguments.\n"
    "  --only TEXT  only cases whose 'file case' contains TEXT\n"
    "  --verbose    a line for every case and for every tensor out of bounds\n";

}  // namespace

int main(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    if (argument == "--help") {
      std::cout << usage;
      return 0;
    }
    if (argument == "--verbose") {
      options.verbose = true;
    } else if (argument == "--only" && i + 1 < argc) {
      options.only = argv[++i];
    } else if (!argument.starts_with("-") && options.folder.empty()) {
      options.folder = argument;
    } else {
      std::cerr << "check_fixtures: unexpected argument '" << argument << "'\n" << usage;
      return 2;
    }
  }
  if (options.folder.empty()) {
    std::cerr << usage;
    return 2;
  }
  try {
    const Tally tally = run_folder(options);
    std::cout << tally.passed << " passed, " << tally.failed << " failed (" << tally.compared << " tensors compared)\n";
    if (tally.passed + tally.failed == 0)
      std::cerr << "check_fixtures: no case found in " << options.folder.string() << '\n';
    return tally.failed == 0 && tally.passed > 0 ? 0 : 1;
  } catch (const std::exception& error) {
    std::cerr << "check_fixtures: " << error.what() << '\n';
    return 2;
  }
}
