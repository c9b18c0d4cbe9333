#pragma once

#include <filesystem>
#include <ostream>

#include "noisy_mnist/config.hpp"
#include "paser/report/table.hpp"

/// What a run is going to do, told before it begins.
namespace noisy_mnist {

/// A stage and about how long it takes.
struct PlannedStage {
  std::string name, what;
  double seconds = 0;
};

/// A time known to within a factor of two or so: "less than 10 s", "about 40 s", "about 3 min", "about 2 weeks".
inline std::string about(double seconds) {
  if (seconds < 10) return "less than 10 s";
  for (const auto& [unit, length] :
       {std::pair{" weeks", 7 * 86400.0}, {" days", 86400.0}, {" h", 3600.0}, {" min", 60.0}})
    if (seconds >= 1.5 * length) return "about " + paser::report::fixed(seconds / length, 0) + unit;
  return "about " + paser::report::fixed(10 * std::round(seconds / 10), 0) + " s";
}

/// The stages in their order. Seconds are milliseconds per image of the preset `demo` on two cores of an AMD EPYC (Zen
/// 3) times the images of the configuration.
inline std::vector<PlannedStage> plan(const Config& c) {
  const auto n = [](Index count) { return static_cast<double>(count); };
  constexpr std::array networks{"small", "medium", "large"};
  constexpr std::array blurs{"first", "second", "third"};
  constexpr std::array pretrain_ms{0.36, 1.25, 11.0};
  std::vector<PlannedStage> stages;
  for (std::size_t k = 0; k < 3; ++k)
    stages.push_back({paser::message("pretrain f", k + 1),
                      paser::message("the ", networks[k], " network: ", c.pretrain_images[k], " digits of the ",
                                     blurs[k], " blur, ", c.pretrain_epochs[k], " epochs"),
                      1e-3 * pretrain_ms[k] * n(c.pretrain_images[k] * c.pretrain_epochs[k])});
  stages.push_back(
      {"policy",
       paser::message("which network gets which image: ", c.policy_images, " images, ", c.policy_epochs, " epochs"),
       1e-3 * (4.0 * n(c.policy_images + c.validation_images) + 1.7 * n(c.policy_images * c.policy_epochs))});
  stages.push_back({"fine-tune", paser::message("policy and networks together: at most ", c.fine_tune_steps, " steps"),
                    1e-3 * 10.0 * n(c.fine_tune_steps * c.fine_tune_batch)});
  stages.push_back({"compare", paser::message("every method on ", c.test_images, " test images, and its time"),
                    15 + 1e-3 * (15.0 * n(c.test_images) + 6.0 * n(c.validation_images))});
  return stages;
}

/// Tells what is going to happen in which folder.
inline void print_plan(std::ostream& out, const Config& c, const std::filesystem::path& run, bool goes_on) {
  const auto stages = plan(c);
  double all = 0;
  for (const PlannedStage& s : stages) all += s.seconds;
  out << "PaSeR on noisy MNIST, preset " << c.preset << ": " << about(all)
      << " on two cores that have nothing else to do, in " << stages.size() << " stages:\n";
  std::size_t width = 0;
  for (const PlannedStage& s : stages) width = std::max(width, s.name.size());
  for (const PlannedStage& s : stages)
    out << "  " << paser::report::pad_right(s.name, width) << "  " << paser::report::pad_right(about(s.seconds), 14)
        << "  " << s.what << "\n";
  out << (goes_on ? "The run in " : "Everything is written to ") << run.string()
      << (goes_on ? " goes on; what is done there is not done again (--fresh starts over).\n"
                  : ". Ctrl-C stops and keeps what is done; the same command goes on with it.\n")
      << std::endl;  // before the progress, which goes to standard error
}

}  // namespace noisy_mnist
