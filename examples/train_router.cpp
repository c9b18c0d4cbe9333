/// Trains a cheap network and the task models that patches can be sent to, learns from images that the networks have
/// not seen which patches are worth it, and compares the result with the networks alone, their mixes and the entropy
/// cascade. Writes a run folder with checkpoints, results.json, curve.svg and report.html; `segment_image RUN IMAGES
/// --budget 12ms` uses it at any budget. Where the task models gain nothing it says so, and which network to ship.
///
///   train_router --data DIR --masks index --out RUN --set grid=[4,4]
///
/// Exit status: 0 done; 1 something failed; 2 the options or the data cannot be used; 3 a number in training is not
/// finite, what was saved before stays; 5 done, but for files that --skip-bad left out; 130 interrupted: the same
/// command goes on.

#include <CLI/CLI.hpp>

#include "data_options.hpp"
#include "paser/experiment/finish.hpp"
#include "routing/ablations.hpp"
#include "routing/page.hpp"
#include "routing/references.hpp"
#include "run_options.hpp"

namespace {

using namespace routing;
using paser::message;

struct Arguments {
  program::RunOptions run;
  program::DataOptions data;
  std::string task;
  bool json = false;
};

/// What an earlier start of this run measured; none of another machine, other threads or another number of networks,
/// and of a version that measured other things.
std::optional<pipeline::MachineCosts> measured_before(const std::string& text, Index networks) {
  try {
    auto machine = nlohmann::json::parse(text).get<pipeline::MachineCosts>();
    if (machine.processor == report::cpu_name() && machine.threads == paser::threads() && machine.models() == networks)
      return machine;
  } catch (const nlohmann::json::exception&) {  // measured anew
  } catch (const paser::FormatError&) {         // the same
  }
  return {};
}

/// Measured once per run.
pipeline::MachineCosts machine_of(Experiment& experiment) {
  const std::string name = "measured.json";
  if (auto before = measured_before(experiment.folder().kept(name), experiment.networks().actions())) return *before;
  const auto machine = measure_machine(experiment, experiment.networks());
  experiment.folder().write(name, paser::io::json_text(nlohmann::json(machine), 1) + "\n");
  return machine;
}

/// Gains of the images of each file by a router that was fitted on other files.
paser::Tensor<double, 3> cross_fitted(const RouterTraining& training, const pipeline::RouterExamples& examples,
                                      const pipeline::RoutingTable& table, const std::vector<Index>& files,
                                      const paser::data::PatchGrid& grid, bool policy) {
  std::map<Index, Index> number;
  for (const Index file : files) number.emplace(file, static_cast<Index>(number.size()));
  const Index parts = std::min<Index>(static_cast<Index>(number.size()), 5);
  const auto order = paser::permutation(Key{1}, static_cast<Index>(number.size()));
  paser::Tensor<double, 3> all({table.images, table.patches, table.models() - 1});
  const Index row = table.patches * (table.models() - 1);
  for (Index part = 0; part < parts; ++part) {
    const auto held = [&](Index image) {
      return order[static_cast<std::size_t>(number.at(files[static_cast<std::size_t>(image)]))] % parts == part;
    };
    std::vector<Index> rows;
    for (Index i = 0; i < examples.size(); ++i)
      if (!held(i / table.patches)) rows.push_back(i);
    const pipeline::RouterExamples others = pipeline::subset(examples, rows);
    const std::string name = message(policy ? "PaSeR" : "GainRouter", " without part ", part + 1, " of ", parts);
    const auto gains = (policy ? training.policy(name, others) : training.gain_router(name, others)).gains(table, grid);
    for (Index i = 0; i < table.images; ++i)
      if (held(i)) std::copy_n(gains.data() + i * row, row, all.mutable_data() + i * row);
  }
  return all;
}

/// A router, and what it does on images that the networks which answered and the routers that judged have not seen.
struct Fitted {
  Router router;
  paser::Tensor<double, 3> unseen_gains;
  pipeline::Calibration calibration;
};

void save(Experiment& experiment, const std::string& name, const pipeline::Policy<float>& policy,
          const pipeline::MachineCosts& machine, const std::optional<pipeline::Calibration>& calibration) {
  Paser paser = experiment.networks();
  paser.policy = policy;
  auto description = experiment.description();
  description.machine = machine;
  description.calibration = calibration;
  pipeline::save_paser(experiment.folder().checkpoint_to_write(name), paser, description);
}

/// At which nine tenths of what routing can gain is gained, on the calibration.
double usual_price(const Fitted& fitted) {
  double best = 0, least = 1;
  for (const auto& p : fitted.calibration.points) {
    best = std::max(best, p.iou);
    least = std::min(least, p.iou);
  }
  return pipeline::price_for_quality(fitted.calibration, least + 0.9 * (best - least));
}

void save(Experiment& experiment, const std::string& name, const Fitted& fitted,
          const pipeline::MachineCosts& machine) {
  save(experiment, name, pipeline::with_price(fitted.router.policy, usual_price(fitted)), machine, fitted.calibration);
}

/// What the fold networks say of the images that they have not seen.
struct UnseenImages {
  std::vector<Unseen> parts;
  std::vector<Index> files;  ///< of each image of `all`
  pipeline::RoutingTable all;
  pipeline::RouterExamples examples;

  UnseenImages(std::vector<Unseen> unseen, const std::string& gain, paser::metrics::ClassMean mean)
      : parts(std::move(unseen)) {
    std::vector<pipeline::RoutingTable> tables;
    std::vector<std::vector<Index>> files_of_table;
    for (const Unseen& u : parts) {
      tables.push_back(u.table);
      files_of_table.push_back(u.files);
      files.insert(files.end(), u.files.begin(), u.files.end());
    }
    all = pipeline::joined(tables);
    examples = examples_of(tables, files_of_table, gain, mean);
  }
};

/// Both routers of a run, and what is found out about them. Calibrations, the floor and the verdict are of images that
/// the networks which answered, and the routers that judged, have not seen.
class Study {
 public:
  Study(Experiment& experiment, std::vector<Unseen> unseen)
      : experiment_(experiment),
        settings_(experiment.settings()),
        comparison_(experiment, experiment.networks(), machine_of(experiment)),
        unseen_(std::move(unseen), settings_.gain, class_mean(settings_)),
        training_(settings_, comparison_.prices(), experiment.key(3)),
        validation_(experiment.table("validation images", experiment.data().validation(), experiment.networks())),
        gain_(fitted(false)),
        policy_(fitted(true)) {}

  const Comparison& comparison() const { return comparison_; }

  Findings findings() const {
    Findings found;
    found.split = experiment_.describe_split();
    const auto curve = pipeline::curve_of_gains(shipped().unseen_gains, comparison_.prices().costs);
    found.unseen = comparison_.judge(shipped().router.policy, curve, unseen_.all, unseen_.files);
    add_test_images(found);
    return found;
  }

  void save_models(const Findings& found) const {
    save(experiment_, "paser_gain_router", gain_, comparison_.machine());
    save(experiment_, "paser_policy", policy_, comparison_.machine());
    if (found.unseen.verdict == "nothing to route" || found.unseen.groups < 2)  // as the advice says
      save(experiment_, "paser", pipeline::Constant{0}, comparison_.machine(), {});
    else
      save(experiment_, "paser", shipped(), comparison_.machine());
  }

 private:
  const Fitted& shipped() const { return settings_.router == "policy" ? policy_ : gain_; }
  const Fitted& other() const { return settings_.router == "policy" ? gain_ : policy_; }

  Fitted fitted(bool policy) const {
    Fitted f{
        policy ? training_.policy("PaSeR", unseen_.examples) : training_.gain_router("GainRouter", unseen_.examples),
        {},
        {}};
    f.unseen_gains =
        cross_fitted(training_, unseen_.examples, unseen_.all, unseen_.files, experiment_.networks().grid, policy);
    const auto honest =
        pipeline::measure(unseen_.all, pipeline::curve_of_gains(f.unseen_gains, comparison_.prices().costs),
                          comparison_.costs(f.router.policy), class_mean(settings_));
    const auto pool = pipeline::joined({unseen_.all, validation_});
    f.calibration = comparison_.calibrate(f.router, pool, honest, experiment_.describe_split());
    return f;
  }

  void add_test_images(Findings& found) const {
    const Folder images = experiment_.data().test();
    const auto test = experiment_.table("test images", images, experiment_.networks());
    const auto groups = files_of(images);
    const Router& router = shipped().router;
    found.routers.push_back(comparison_.judge(router, test, groups));
    found.routers.push_back(comparison_.judge(other().router, test, groups));
    for (Index k = 1; test.models() > 2 && k < test.models(); ++k)
      found.routers.push_back({message(router.name, ", f1 and f", k + 1, " alone"),
                               comparison_.judge(router.policy, comparison_.curve_to(router, test, k), test, groups)});
    const auto best =
        pipeline::curve_of_gains(gains_of(test, "set", class_mean(settings_)), comparison_.prices().costs);
    found.oracle = pipeline::measure(test, best, comparison_.costs(gain_.router.policy), class_mean(settings_));
    found.budgets = check_budgets(shipped().calibration, router, comparison_, test, experiment_.networks());
    if (shipped().calibration.domain)
      found.domain = pipeline::check_domain(*shipped().calibration.domain, pipeline::image_statistics(test.statistics));
    found.floors =
        comparison_.floors(router, validation_, unseen_.all, shipped().unseen_gains, unseen_.files, test, groups);
    if (settings_.references) {
      const References references(experiment_, comparison_, unseen_.parts, images, test);
      references.add_oracles(router, found);
      found.paper = references.paper_policy();
      found.noise = references.noise({router, other().router}, {usual_price(shipped()), usual_price(other())});
    }
    if (settings_.ablations) Ablations(experiment_, training_, comparison_, unseen_.parts, images, found).run();
  }

  Experiment& experiment_;
  const Settings& settings_;
  Comparison comparison_;
  UnseenImages unseen_;
  RouterTraining training_;
  pipeline::RoutingTable validation_;
  Fitted gain_, policy_;
};

int run(const Arguments& a, const std::string& command) {
  if (a.run.listed<Settings>("train_router")) return program::done;
  Settings settings;
  a.data.apply_to(settings);
  a.run.apply_to(settings);
  const paser::report::InterruptGuard guard;
  const std::filesystem::path out = a.run.folder("router");
  Experiment experiment(a.run.as_begun(settings, out), out, a.run.choice);
  const experiment::FolderData& images = experiment.data();
  program::tell_division(images.division());
  std::cerr << experiment::left_out_sentence(images.left_out());
  for (const std::string& warning : images.warnings()) std::cerr << "warning: " << paser::visible(warning) << "\n";

  const Study study(experiment, experiment.train());
  Findings found = study.findings();
  experiment.folder().end_of_replay();
  found.command = command;
  found.left_out = images.left_out();
  found.task = a.task.empty() ? experiment::own_name(experiment.settings().source()) : a.task;
  study.save_models(found);
  write_page(experiment, found, study.comparison());
  const auto results = document(found, study.comparison(), experiment.settings());
  experiment.folder().write("results.json", paser::io::json_text(results) + "\n");
  if (a.json) {
    std::cout << paser::io::json_text(results, 2) << "\n";
  } else {
    tell(std::cout, found, study.comparison());
    experiment::print_files(std::cout, experiment.folder(), {"paser", ""});
  }
  return program::end_without(images.left_out());
}

}  // namespace

int main(int argc, char** argv) {
  Arguments a;
  CLI::App app("Networks of several costs, and a router that sends each patch to the one worth its cost.");
  program::add_data_options(app, a.data);
  program::add_skip_option(app, a.data);
  app.add_option("--task", a.task, "what the results call the data; by default the folder's name");
  a.run.add_to(app, "epochs=[60,30] or grid=[4,4]");
  program::add_json_option(app, a.json);
  app.footer("Example: train_router --data DIR --masks index --out RUN --set grid=[4,4]\n" +
             std::string(program::statuses) + "\nWith --skip-bad: 5 done, some files were left out.");
  return program::run(app, argc, argv, [&](const std::string& command) { return run(a, command); });
}
