/// Experiment R4 of the PaSeR paper: MNIST in three noises, one network trained on each, and a policy that learns to
/// send every image to the right one. Trains, compares with the baselines, and writes a run folder with a report.
///
/// Exit status: 0 done; 1 something failed; 2 wrong options; 3 a number in training is not finite, what was saved
/// before stays; 130 interrupted: the same command goes on.

#include <CLI/CLI.hpp>

#include "noisy_mnist/comparison.hpp"
#include "noisy_mnist/plan.hpp"
#include "page_assets.hpp"
#include "paser/core/text.hpp"
#include "paser/report/results_file.hpp"
#include "print_results.hpp"
#include "run_options.hpp"
#include "without_noise.hpp"

namespace {

using namespace noisy_mnist;

struct Arguments {
  program::RunOptions run{"demo"};
  std::string mnist = PASER_DATA_DIR "/mnist";
};

/// The test images that the report shows, as files that segment_image takes.
void write_samples(experiment::RunFolder& folder, const std::vector<report::Sample>& samples) {
  std::map<std::string, int> count;
  for (const report::Sample& sample : samples) {
    std::string name;
    for (const char c : sample.kind)
      if (c == ' ')
        name += '_';
      else if (c != ',')
        name += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    folder.write("samples/" + name + "_" + std::to_string(++count[sample.kind]) + ".png",
                 paser::io::encode_png(sample.pictures.at(0).picture));
  }
}

int run(const Arguments& arguments, const std::string& command) {
  if (arguments.run.listed("train_noisy_mnist", presets())) return program::done;
  Config config = experiment::preset_named(presets(), arguments.run.preset);
  arguments.run.apply_to(config);
  checked(config);
  const std::filesystem::path out = arguments.run.folder("noisy_mnist_" + config.preset);

  const report::InterruptGuard guard;
  print_plan(std::cout, config, out, !arguments.run.choice.fresh && std::filesystem::exists(out / "config.json"));
  Experiment experiment(config, out, arguments.mnist, arguments.run.choice);
  if (config.dropout == 0 && config.samples > 1) std::cerr << program::without_noise;
  experiment.train();
  Comparison comparison(experiment);
  const report::MemoryMeter memory;
  const report::WaitMeter waits;
  const auto start = std::chrono::steady_clock::now();
  report::Results results = comparison.results(command);
  const auto samples = comparison.samples();
  results.stages.push_back({"compare", std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count(),
                            memory.peak(), 0, 0, waits.share()});
  experiment.folder().write("results.json", report::results_text(results));
  experiment.folder().write(
      "report.html", report::html(results, {report::read_log(out / "log.jsonl"), samples}, program::page_assets()));
  write_samples(experiment.folder(), samples);

  std::cout << "\n"
            << results.data << "\n\n"
            << report::results_table(results) << "\n"
            << report::results_legend(results) << "\n";
  for (const report::Row& row : results.rows)
    if (row.kind == "paser")
      std::cout << row.model << ": where the test images of each blur went\n"
                << report::assignment_table(results, results.assignment[row.model]) << "\n";
  std::vector<std::filesystem::path> trained;
  for (const Variant& v : experiment.variants()) trained.push_back(experiment.folder().checkpoint(v.file));
  program::print_results(std::cout, results, out, trained);
  std::cout << "Test images    " << (out / "samples").string() << "  (a few, for segment_image)" << std::endl;
  return program::done;
}

}  // namespace

int main(int argc, char** argv) {
  Arguments arguments;
  CLI::App app("PaSeR on noisy MNIST: trains f1, f2, f3 and the policy, and compares them with the baselines.");
  app.add_option("--preset", arguments.run.preset,
                 "demo (minutes), standard (about an hour), paper (the paper's settings)")
      ->capture_default_str();
  app.add_option("--mnist", arguments.mnist, "folder of the four IDX files, gzipped or plain")->capture_default_str();
  arguments.run.add_to(app, "policy_epochs=5 or tvd=[0.05]");
  app.footer(program::statuses);
  return program::run(app, argc, argv, [&](const std::string& command) { return run(arguments, command); });
}
