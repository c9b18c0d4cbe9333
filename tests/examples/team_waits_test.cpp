#include <catch2/catch.hpp>
#include <future>

#include "distributed/thread_link.hpp"
#include "examples/tiny_run.hpp"
#include "segmentation/experiment.hpp"
#include "support/temporary_folder.hpp"

namespace team_waits_test {

using namespace paser;
using distributed::Patience;

/// Notes for what a process waits, and with which patience.
class Noting final : public distributed::Link {
 public:
  Noting(thread_link::Post& post, Index rank, std::vector<std::pair<std::string, Patience>>& waits)
      : link_(post, rank, 2), waits_(waits) {}
  Index rank() const override { return link_.rank(); }
  Index size() const override { return link_.size(); }
  std::string name(Index rank) const override { return link_.name(rank); }
  void exchange(std::span<const distributed::Outgoing> out, std::span<const distributed::Incoming> in,
                const std::string& what, Patience patience) override {
    if (!in.empty()) waits_.emplace_back(what, patience);
    link_.exchange(out, in, what, patience);
  }

 private:
  thread_link::ThreadLink link_;
  std::vector<std::pair<std::string, Patience>>& waits_;
};

/// The settings of a training that takes no time.
segmentation::Config settings(const std::filesystem::path& data, const std::filesystem::path& run) {
  auto c = segmentation::own();
  const auto words = tiny_run::command("", data, run, {"part_images=1"});
  for (std::size_t i = 1; i < words.size(); ++i)
    if (words[i - 1] == "--set") experiment::apply(words[i], c);
  c.data = data.string();
  return c;
}

TEST_CASE("what the leader does alone before and between stages is waited for without end, and by its name") {
  const TemporaryFolder folder;
  const auto data = folder / "data", run = folder / "run";
  tiny_run::write_data(data);
  const auto config = settings(data, run);
  thread_link::Post post;
  std::vector<std::pair<std::string, Patience>> of_leader, of_other;
  const auto measure = [&](Index rank) {
    const distributed::Team team(std::make_unique<Noting>(post, rank, rank == 0 ? of_leader : of_other));
    team.at("a stage that is over");
    segmentation::Experiment experiment(config, run, {}, team);
    experiment.reward_options(segmentation::main_reward(config));
    return experiment.times().patch;
  };
  auto other = std::async(std::launch::async, measure, 1);
  const auto measured = measure(0);
  CHECK(measured.size() == 3);
  CHECK(other.get() == measured);
  std::map<std::string, Patience> patience(of_other.begin(), of_other.end());
  CHECK(patience.at("a stage that is over, the data") == Patience::limited);
  CHECK(patience.at("a stage that is over, the folder of the run") == Patience::endless);
  CHECK(patience.at("measure, times of the networks") == Patience::endless);
  for (const auto& [what, of_it] : of_leader) CHECK(of_it == Patience::limited);  // it waits for others who work
}

}  // namespace team_waits_test
