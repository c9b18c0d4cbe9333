#pragma once

#include <CLI/CLI.hpp>

#include "program.hpp"
#include "trained_model.hpp"

/// A trained model, as every subcommand is told of it and of what in it answers.
namespace command {

struct ModelOptions {
  std::filesystem::path model;
  std::string variant, only = "paser";
  paser::pipeline::Thresholds thresholds;
  program::Target target;
  int samples = 0, threads = 0;
  double overlap = 0.25;

  /// The file; also sets the number of threads. Throws as program::model_file.
  std::filesystem::path file() const {
    if (threads > 0) paser::set_threads(threads);
    return program::model_file(model, variant);
  }
};

/// What `work` returns; a NotFiniteError in it names the model's file.
template <class Work>
auto of_model(const std::filesystem::path& file, const Work& work) {
  try {
    return work();
  } catch (const paser::NotFiniteError& error) {
    const std::string text = error.what();
    if (text.find(file.string()) != std::string::npos) throw;
    throw paser::NotFiniteError(file.string() + ": " + text);
  }
}

inline void add_threads_option(CLI::App& app, int& threads) {
  app.add_option("--threads", threads, "at most so many; default: all cores")->check(CLI::Range(1, 4096));
}

/// Which model, of a file or a run.
inline void add_file_options(CLI::App& app, ModelOptions& o) {
  app.add_option("model", o.model, "a trained model's file, or a run folder (then checkpoints/paser.safetensors)")
      ->required();
  app.add_option("--variant", o.variant, "of a run folder: the checkpoint's name, such as paser_tuned");
  add_threads_option(app, o.threads);
}

/// The same, and how it answers.
inline void add_model_options(CLI::App& app, ModelOptions& o) {
  add_file_options(app, o);
  app.add_option("--only", o.only, "paser, or f1, f2, ...: that network alone, in one pass without dropout")
      ->capture_default_str();
  app.add_option("--thresholds", o.thresholds,
                 "entropies in nats, one per network but the last: an IDK cascade in place of the policy")
      ->delimiter(',');
  program::add_target_options(app, o.target);
  app.add_option("--samples", o.samples, "passes of MC dropout; the model's by default")->check(CLI::Range(1, 10000));
  app.add_option("--tile-overlap", o.overlap, "share of a window's side in common with its neighbour")
      ->check(program::within(0, 0.9))
      ->capture_default_str();
}

}  // namespace command
