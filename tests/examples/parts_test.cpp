#include "segmentation/parts.hpp"

#include <catch2/catch.hpp>
#include <fstream>

#include "distributed/thread_link.hpp"
#include "support/temporary_folder.hpp"

namespace parts_of_batches_test {

using segmentation::Config;
using segmentation::Index;
using Parts = std::vector<std::optional<Index>>;

TEST_CASE("parts are cut so that every process has one of each network's, as far as batches have so many images") {
  const Config own = segmentation::own(), paper = segmentation::paper();
  CHECK(segmentation::part_images_for(own, 1) == 0);
  CHECK(segmentation::part_images_for(own, 2) == 1);  // f1 has batches of two images
  CHECK(segmentation::part_images_for(paper, 2) == 0);
  CHECK(segmentation::part_images_for(paper, 3) == 8);
  CHECK(segmentation::part_images_for(paper, 4) == 8);
  CHECK(segmentation::part_images_for(paper, 5) == 4);
  CHECK(segmentation::part_images_for(paper, 33) == 1);
  Config c = own;
  c.pretrain_batch = {30, 2, 4};
  c.micro_batch = 15;
  for (const auto& [processes, part] : {std::pair<Index, Index>{2, 0}, {3, 5}, {6, 5}, {7, 3}, {10, 3}, {11, 1}}) {
    INFO(processes << " processes");
    CHECK(segmentation::part_images_for(c, processes) == part);
  }
}

TEST_CASE("the policy's groups are the largest of which every process has one, of two images at least") {
  Config c = segmentation::own();  // batches of eight
  for (const auto& [processes, images] : {std::pair<Index, Index>{1, 0}, {2, 4}, {3, 2}, {4, 2}, {8, 2}}) {
    INFO(processes << " processes");
    CHECK(segmentation::policy_group_for(c, processes) == images);
  }
  c.policy_batch = 32;
  CHECK(segmentation::policy_group_for(c, 3) == 10);
  CHECK(segmentation::policy_group_for(c, 100) == 2);
}

TEST_CASE("a run keeps the parts that it began with, and a new one has those of its processes") {
  const TemporaryFolder folder;
  std::string set;  // the setting that somebody has set
  const auto chosen = [&](Index processes, bool fresh, Index Config::*value) {
    return thread_link::with_ranks(processes, [&](const paser::distributed::Team& team) {
      return segmentation::in_parts(segmentation::paper(), team, folder.path(), fresh,
                                    [&](const std::string& name) { return name == set; }).*
             value;
    });
  };
  const auto parts = [&](Index processes, bool fresh) { return chosen(processes, fresh, &Config::part_images); };
  const auto groups = [&](Index processes, bool fresh) { return chosen(processes, fresh, &Config::policy_group); };
  CHECK(parts(1, false) == Parts{0});
  CHECK(parts(4, false) == Parts(4, 8));
  CHECK(groups(1, false) == Parts{0});
  CHECK(groups(4, false) == Parts(4, 8));
  set = "policy_group";
  CHECK(parts(4, false) == Parts(4, 8));
  CHECK(groups(4, false) == Parts(4, 0));
  set.clear();
  std::ofstream(folder / "config.json") << R"({"settings": {"part_images": 2, "policy_group": 5}})";
  CHECK(parts(1, false) == Parts{2});
  CHECK(parts(4, false) == Parts(4, 2));
  CHECK(parts(4, true) == Parts(4, 8));
  CHECK(groups(1, false) == Parts{5});
  CHECK(groups(4, false) == Parts(4, 5));
  CHECK(groups(4, true) == Parts(4, 8));
  std::ofstream(folder / "config.json") << R"({"settings": {"part_images": 2}})";  // from before there were groups
  CHECK(groups(4, false) == Parts(4, 0));
  std::ofstream(folder / "config.json") << R"({"settings": {"of another program": 2}})";
  CHECK(parts(4, false) == Parts(4, 8));
  CHECK(groups(4, false) == Parts(4, 8));
}

}  // namespace parts_of_batches_test
