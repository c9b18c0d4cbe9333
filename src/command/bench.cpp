/// Times a trained model, or a network of the registry with random weights, on this machine.
///
///   paser bench run
///   paser bench 'segformer:{"in":3,"classes":19,"size":"B0"}' --size 512 512
///
/// Exit status: 0 done; 1 something failed; 2 wrong options, or the model cannot be read; 3 a number of the model is
/// not finite.

#include <CLI/CLI.hpp>

#include "command.hpp"
#include "common_options.hpp"
#include "model_options.hpp"
#include "network_name.hpp"
#include "paser/core/isa.hpp"
#include "paser/models/registered/registered.hpp"
#include "paser/pipeline/paser_file.hpp"
#include "paser/report/measure_costs.hpp"
#include "paser/report/table.hpp"

namespace command {

namespace bench_command {

using namespace paser;

struct Arguments {
  ModelOptions model;
  std::vector<Index> size;
  int rounds = 7;
  Index batch = 1;
  program::CommonOptions common;
};

void tell_machine(const std::string& processor, int threads, bool busy) {
  std::cout << processor << ", kernels " << isa() << ", " << threads << (threads == 1 ? " thread" : " threads")
            << (busy ? "\nbusy: other programs had the processors for a while, so the times say little" : "") << "\n\n";
}

/// Every part of a PaSeR, as report::measure_costs has it.
void bench_model(const Arguments& a, const std::filesystem::path& file) {
  auto loaded = pipeline::load_paser(file);
  pipeline::Paser<float>& paser = loaded.paser;
  const pipeline::PaserDescription& d = loaded.description;
  FilterCache<float> filters;
  paser.filters = &filters;
  const Shape<4> image = a.size.empty() ? d.image() : Shape<4>{1, a.size.at(0), a.size.at(1), d.channels};
  const auto macs = pipeline::mac_costs(paser, paser.policy, image);
  if (a.common.dry_run) {
    const std::string about =
        message(a.rounds, " runs of ", paser.models.size(), " networks on ", image[1], " x ", image[2]);
    throw program::DryRunEnds{program::DryRun().reads({file, about})};
  }
  program::work_has_begun() = true;
  const auto costs = of_model(file, [&] {
    return experiment::shown("bench", "runs", [&](const pipeline::HowFar& how_far) {
      return report::measure_costs(paser, paser.policy, image, {.rounds = a.rounds, .progress = how_far});
    });
  });
  if (a.common.json) {
    nlohmann::json j = costs;
    j["kernels"] = isa();
    std::cout << io::json_text(j, 2) << "\n";
    return;
  }
  tell_machine(costs.processor, costs.threads, costs.busy);
  report::TextTable table({"work", "of", "ms", "GMAC"});
  const auto add = [&](const std::string& work, const std::string& of, double ms, double work_macs) {
    table.add({work, of, report::significant(ms), report::significant(1e-9 * work_macs)});
  };
  add("f1, with its doubt", "an image", costs.estimate, macs.estimate);
  add("policy", "an image", costs.decide, macs.decide);
  add("f1 alone", "an image", costs.coarse, macs.coarse);
  for (std::size_t k = 1; k < costs.patch.size(); ++k)
    for (const std::size_t i : {std::size_t{0}, costs.batch.size() - 1})
      add(message("f", k + 1), message("a patch of ", costs.batch[i], " at once"), costs.patch[k][i], macs.patch[k]);
  std::cout << table;
}

/// One network on one batch.
void bench_network(const Arguments& a) {
  const auto network = models::make_segmenter<float>(network_named(a.model.model.string()), Key{1});
  const std::vector<Index> size = a.size.empty() ? std::vector<Index>{512, 512} : a.size;
  const Shape<4> shape{a.batch, size.at(0), size.at(1), network.channels()};
  const auto images = uniform<float>(Key{2}, shape);
  FilterCache<float> filters;
  const double gmac = 1e-9 * static_cast<double>(network.count(shape).total());
  if (a.common.dry_run) throw program::DryRunEnds{};
  program::work_has_begun() = true;
  const report::Timing timing = experiment::shown("bench", "runs", [&](const pipeline::HowFar& how_far) {
    return report::time_in_turn({[&] { infer(network, images, &filters); }}, {.rounds = a.rounds, .progress = how_far})
        .at(0);
  });
  const bool busy = timing.spread.busy();
  if (a.common.json) {
    std::cout << io::json_text(nlohmann::json{{"network", network.spec()},
                                              {"processor", report::cpu_name()},
                                              {"kernels", isa()},
                                              {"threads", threads()},
                                              {"images", a.batch},
                                              {"height", size[0]},
                                              {"width", size[1]},
                                              {"parameters", nn::count_parameters(network)},
                                              {"ms", 1e3 * timing.median},
                                              {"ms_quartiles", {1e3 * timing.spread.low, 1e3 * timing.spread.high}},
                                              {"gmac", gmac},
                                              {"busy", busy}},
                               2)
              << "\n";
    return;
  }
  tell_machine(report::cpu_name(), threads(), busy);
  std::cout << network.spec().type << ", " << nn::count_parameters(network) << " parameters, " << a.batch
            << (a.batch == 1 ? " image of " : " images of ") << size[0] << " x " << size[1] << ": "
            << report::significant(1e3 * timing.median) << " ms (quartiles "
            << report::significant(1e3 * timing.spread.low) << " .. " << report::significant(1e3 * timing.spread.high)
            << "), " << report::significant(gmac) << " GMAC, " << report::significant(gmac / timing.median)
            << " GMAC/s\n";
}

int bench(const Arguments& a) {
  if (a.model.threads > 0) set_threads(a.model.threads);
  const std::string named = a.model.model.string();
  std::error_code error;
  const bool there = std::filesystem::exists(a.model.model, error);
  // The settings of a network may be longer than the name of a file.
  check<ValueError>(!error || named.find(':') != std::string::npos, "paser bench", "'", named, "': ", error.message());
  if (there)
    bench_model(a, a.model.file());
  else
    bench_network(a);
  return program::done;
}

}  // namespace bench_command

int run_bench(int argc, char** argv) {
  using namespace bench_command;
  Arguments a;
  CLI::App app("Times a trained model, or a network of the registry with random weights, on this machine.");
  app.add_option("model", a.model.model, "a model file, a run folder, or NAME:JSON of the registry (docs/models.md)")
      ->required();
  app.add_option("--variant", a.model.variant, "of a run folder: the checkpoint's name, such as paser_tuned");
  app.add_option("--size", a.size, "height and width; those trained on by default, of a network 512 512")
      ->expected(2)
      ->check(CLI::Range(1, 65536));
  app.add_option("--batch", a.batch, "images at once, of a network of the registry")
      ->check(CLI::Range(1, 4096))
      ->capture_default_str();
  app.add_option("--rounds", a.rounds, "runs of which the median is told")
      ->check(CLI::Range(1, 10000))
      ->capture_default_str();
  add_threads_option(app, a.model.threads);
  a.common.add_to(app);
  app.footer(
      "Example: paser bench 'segformer:{\"in\":3,\"classes\":19,\"size\":\"B0\"}' --size 512 512\n"
      "Exit status: 0 done; 1 something failed; 2 wrong options, or the model cannot be read; 3 a number of the model "
      "is "
      "not\nfinite.");
  return program::run(app, argc, argv, [&](const std::string&) { return bench(a); });
}

}  // namespace command
