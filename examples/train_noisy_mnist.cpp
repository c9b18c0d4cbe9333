/// Experiment R4 of the PaSeR paper: MNIST in three noises, one network trained on each, and a policy that learns to
/// send every image to the right one. Trains, compares with the baselines, and writes a run folder with a report.
///
/// Exit status: 0 done; 1 something failed; 2 wrong options; 3 a number in training is not finite, what was saved
/// before stays; 130 interrupted: the same command goes on.

#include <CLI/CLI.hpp>

#include "noisy_mnist/comparison.hpp"
#include "page_assets.hpp"
#include "paser/experiment/finish.hpp"
#include "run_options.hpp"
#include "without_noise.hpp"

namespace {

using namespace noisy_mnist;

struct Arguments {
  program::RunOptions run{"demo"};
  std::string mnist = PASER_DATA_DIR "/mnist";
};

/// A mask from its black and white picture.
std::string encode_mask(const paser::Tensor<std::uint8_t, 4>& picture) {
  const auto& s = picture.shape();
  paser::Tensor<std::uint8_t, 3> gray({s.h(), s.w(), 1});
  for (Index i = 0; i < gray.numel(); ++i) gray.mutable_data()[i] = picture.data()[i * s.c()];
  return paser::io::encode_png(gray);
}

/// The test images that the report shows and their masks, as files that `paser segment` and `paser evaluate` take.
void write_samples(experiment::RunFolder& folder, const std::vector<report::Sample>& samples) {
  std::map<std::string, int> count;
  for (const report::Sample& sample : samples) {
    std::string name;
    for (const char c : sample.kind)
      if (c == ' ')
        name += '_';
      else if (c != ',')
        name += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    name += "_" + std::to_string(++count[sample.kind]) + ".png";
    folder.write("samples/images/" + name, paser::io::encode_png(sample.pictures.at(0).picture));
    folder.write("samples/masks/" + name, encode_mask(sample.pictures.at(1).picture));
  }
}

/// The comparison, about how long it takes, and the images that it leaves.
experiment::RunStage compare_stage(Experiment& experiment, const std::string& command, bool json) {
  const auto compare = [&experiment](report::Results& r) {
    Comparison comparison(experiment);
    comparison.compare(r);
    const auto samples = comparison.samples();
    write_samples(experiment.folder(), samples);
    return samples;
  };
  auto stage = experiment::compare_stage(experiment.folder(), command, program::page_assets(), compare, json);
  stage.seconds = [&c = experiment.config()] {
    return 15 + 15e-3 * static_cast<double>(c.test_images) + 6e-3 * static_cast<double>(c.validation_images);
  };
  return stage;
}

int run(const Arguments& arguments, const std::string& command) {
  if (arguments.run.listed("train_noisy_mnist", presets())) return program::done;
  Config config = experiment::preset_named(presets(), arguments.run.preset);
  arguments.run.apply_to(config);
  experiment::settle_rivals(config);
  checked(config);
  const std::filesystem::path out = arguments.run.folder("noisy_mnist_" + config.preset);

  std::vector<std::string> stages_there{"f1", "f2", "f3", "policy", "fine-tune"};
  std::ranges::copy(experiment::Rivals::stage_names(config), std::back_inserter(stages_there));
  arguments.run.require_stage(stages_there);

  const report::InterruptGuard guard;
  paser::check<paser::ValueError>(
      std::filesystem::is_directory(arguments.mnist), "--mnist", "there is no folder '", arguments.mnist,
      "', expected that of the four files of MNIST, such as data/mnist of ", "the repository");
  Experiment experiment(arguments.run.as_begun(config, out), out, arguments.mnist, arguments.run.choice);
  if (config.dropout == 0 && config.samples > 1) std::cerr << program::without_noise;
  auto stages = experiment.stages();
  stages.push_back(compare_stage(experiment, command, arguments.run.json));
  arguments.run.carry_out("PaSeR on noisy MNIST, preset " + config.preset, stages, experiment.folder());
  if (!arguments.run.json && std::filesystem::exists(out / "samples"))
    std::cout << "Test images    " << paser::visible((out / "samples" / "images").string())
              << "  (a few, for `paser segment` and `paser evaluate`)" << std::endl;
  return program::done;
}

}  // namespace

int main(int argc, char** argv) {
  Arguments arguments;
  CLI::App app("PaSeR on noisy MNIST: trains f1, f2, f3 and the policy, and compares them with the baselines.");
  app.add_option("--preset", arguments.run.preset,
                 "demo (minutes), standard (about an hour and a half), paper (the paper's settings)")
      ->capture_default_str();
  app.add_option("--mnist", arguments.mnist, "folder of the four IDX files, gzipped or plain")->capture_default_str();
  arguments.run.add_stages_to(app, "f1, f2, f3, policy, fine-tune, rival1 and others if there are rivals");
  arguments.run.add_to(app, "policy_epochs=5 or tvd=[0.05]");
  app.footer(program::statuses);
  return program::run(app, argc, argv, [&](const std::string& command) { return run(arguments, command); });
}
