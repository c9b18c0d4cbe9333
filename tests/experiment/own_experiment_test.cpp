#include <catch2/catch.hpp>
#include <sstream>

#include "experiment/halves.hpp"
#include "paser/experiment/comparison.hpp"
#include "paser/experiment/finish.hpp"
#include "paser/experiment/pretrain_stage.hpp"
#include "paser/models/registered/unet.hpp"
#include "paser/models/unet.hpp"
#include "paser/pipeline/train_policy.hpp"
#include "support/temporary_folder.hpp"

/// An experiment of one's own, as the comment of stages.hpp has it: two networks on a data set in memory, a policy, and
/// the comparison.
namespace own_experiment_test {

using Catch::Matchers::Contains;
using namespace paser;

using tiny::Halves;

struct Settings {
  std::string preset = "mine";
  std::uint64_t seed = 1;
};
void to_json(nlohmann::json& j, const Settings& s) {
  j = {{"preset", s.preset}, {"seed", s.seed}};
}
void from_json(const nlohmann::json& j, Settings& s) {
  j.at("seed").get_to(s.seed);
}

pipeline::PaserDescription description() {
  pipeline::PaserDescription d;
  d.class_names = {"dark", "bright"};
  d.height = d.width = 8;
  d.networks = {models::UNetSpec{.classes = 2, .width = 2, .depth = 1, .dropout = 0.2},
                models::UNetSpec{.classes = 2, .width = 4, .depth = 1, .dropout = 0.2}};
  d.estimator = uncertainty::McDropout{2}.spec();
  return d;
}

/// The program: returns what it prints, its plan first if it is `told`.
std::string train_mine(const std::filesystem::path& out, const std::string& last = "all", bool told = true) {
  const Halves train{0, 8}, validation{100, 4}, test{200, 4};
  const Key key{1};
  auto paser = pipeline::make_paser<float>(description(), key);
  experiment::RunFolder folder(out, Settings{}, {}, {.program = "mine", .results = {"results.json", "report.html"}});
  std::ostringstream printed;

  experiment::Stages stages;
  pipeline::PretrainOptions<float> networks{.epochs = 2, .batch = 4, .learning_rate = 1e-2};
  for (std::size_t k = 0; k < 2; ++k) {
    const std::string name = message("f", k + 1);
    stages.push_back(experiment::pretrain_stage(folder, {"pretrain " + name, name}, paser.models[k], train, validation,
                                                networks, key.fold(k)));
  }
  stages.push_back({"policy", "which network gets which image", [&] {
                      pipeline::PolicyOptions<float> policy{.epochs = 2, .batch = 4};
                      policy.reward.costs = {0.2, 0.8};
                      folder.run("policy", "policy", [&](const pipeline::Stage& stage) {
                        return pipeline::train_policy(paser, train, validation, policy, stage, key.fold(3));
                      });
                      pipeline::save_paser(folder.checkpoint_to_write("paser"), paser, description());
                    }});
  stages.push_back({"compare", "every method on the test images", [&] {
                      experiment::MethodComparison<Halves> methods(test, paser, description(), {});
                      const auto results = experiment::finish(
                          folder, "mine --out run", report::PageAssets{{"report.html", "<p>{{title}}</p>{{run}}"}},
                          [&](report::Results& r) {
                            methods.add_networks(key);
                            methods.add("PaSeR", "paser", methods.run_of(paser, paser.policy, key), "");
                            r.time_convention = methods.time(1, 2);
                            methods.fill(r, Settings{});
                            return std::vector{experiment::sample_of(paser, test.range(0, 1), key)};
                          });
                      experiment::print_results(printed, results, folder);
                    }});
  stages = experiment::up_to(last, stages);
  if (told) experiment::print_plan(printed, "Mine", stages, folder);
  experiment::run(stages);
  return printed.str();
}

TEST_CASE("an experiment of one's own: told, trained stage by stage, compared, written and printed") {
  const TemporaryFolder folder;
  const auto run = folder / "run";
  const std::string begun = train_mine(run, "f1");
  CHECK_THAT(begun,
             Contains("Mine, 1 stage, less than 10 s") && Contains("2 epochs of 2 steps") && !Contains("policy"));
  CHECK(std::filesystem::exists(run / "checkpoints" / "f1.safetensors"));
  CHECK_FALSE(std::filesystem::exists(run / "checkpoints" / "f2.safetensors"));

  const std::string whole = train_mine(run);
  CHECK_THAT(whole, Contains("Mine, 4 stages, less than 10 s and what has no time below") && Contains("goes on"));
  CHECK_THAT(whole,
             Contains("Time and memory of the stages\n") && Contains("\npretrain f2") && Contains("\ncompare ") &&
                 Contains("Advice         ") && Contains(" 4 test images") &&
                 Contains("Trained model  " + (run / "checkpoints" / "paser.safetensors").string() + "\nUse it") &&
                 Contains("Report page    " + (run / "report.html").string()) && !Contains("What the paper"));
  const auto results = report::read_results(run / "results.json");
  CHECK(results.command == "mine --out run");
  CHECK(results.rows.size() == 3);
  std::vector<std::string> names;
  for (const auto& stage : results.stages) names.push_back(stage.stage);
  CHECK(names == std::vector<std::string>{"pretrain f1", "pretrain f2", "policy", "compare"});
  CHECK(results.stages.back().seconds > 0);
  CHECK_THAT(results.advice, Contains("p = ") || Contains("equal on all"));
  // What the needs do not name is not written.
  CHECK(std::filesystem::exists(run / "report.html"));
  CHECK_FALSE(std::filesystem::exists(run / "methods.csv"));

  // Nothing is trained twice, and a step is not measured on the networks that are trained.
  const auto checkpoint = [&](const auto& r) { return io::read_file(r / "checkpoints" / "policy.safetensors"); };
  const std::string before = checkpoint(run);
  train_mine(run);
  CHECK((checkpoint(run) == before));
  const auto at_once = folder / "at_once";
  train_mine(at_once, "all", false);
  CHECK((checkpoint(at_once) == before));
}

}  // namespace own_experiment_test
