#pragma once

#include <functional>

#include "paser/experiment/run_folder.hpp"
#include "segmentation/options.hpp"

/// How batches are cut into the parts that the processes of a team share out.
namespace segmentation {

namespace distributed = paser::distributed;

/// What the networks see in a batch of stage 1, f1 images, the others patches.
inline std::vector<Index> images_of_batches(const Config& c) {
  std::vector<Index> images = c.pretrain_batch;
  for (std::size_t k = 1; k < images.size(); ++k) images[k] *= c.grid[0] * c.grid[1];
  return images;
}

/// The parts of a batch of each network in stage 1, of so many images each.
inline std::vector<Index> parts_of_batches(const Config& c, Index part_images) {
  std::vector<Index> parts = images_of_batches(c);
  for (Index& n : parts) n = (n + part_images - 1) / part_images;
  return parts;
}

/// The largest part_images with which every network has a part for each process, as far as its batches have so many
/// images; 0, as in the presets, where a micro-batch is no more than that. Smaller parts take somewhat longer, and a
/// network whose batches are not shared out takes as long as by one process.
inline Index part_images_for(const Config& c, Index processes) {
  const auto images = images_of_batches(c);
  const auto suffices = [&](Index part) {
    const auto parts = parts_of_batches(c, part);
    return std::ranges::equal(parts, images, [&](Index has, Index most) { return has >= std::min(processes, most); });
  };
  if (suffices(c.micro_batch)) return 0;
  Index part = c.micro_batch - 1;
  while (c.micro_batch % part != 0 || !suffices(part)) --part;  // parts of one image suffice
  return part;
}

/// The largest policy_group with which a batch of stage 2 has a group for each process; 0 for one process. At least 2:
/// the statistics of a single image would take from the policy in what images differ.
inline Index policy_group_for(const Config& c, Index processes) {
  return processes == 1 ? 0 : std::max<Index>(c.policy_batch / processes, 2);
}

/// The settings of a run of which `set` says by name whether somebody has set them. Of those that share a batch out,
/// one that nobody has set is as in the run that is in the folder, and in a new one as it suits the number of its
/// processes. `answers`, too, is as in the run that is there. The same for all of the team.
inline Config in_parts(Config c, const distributed::Team& team, const std::filesystem::path& run, bool fresh,
                       const std::function<bool(const std::string& name)>& set) {
  (void)checked(c);
  const auto kept = fresh || !team.leads() ? std::nullopt : experiment::begun_settings<Config>(run);
  if (!set("answers")) c.answers = team.of_leader(kept ? kept->answers : c.answers, "answers");
  const auto choose = [&](const char* name, Index Config::*value, Index (*suitable)(const Config&, Index)) {
    if (set(name)) return;
    if (team.leads()) c.*value = kept ? (*kept).*value : suitable(c, team.size());
    c.*value = std::stoll(team.of_leader(std::to_string(c.*value), name));
  };
  choose("part_images", &Config::part_images, part_images_for);
  choose("policy_group", &Config::policy_group, policy_group_for);
  return c;
}

/// The settings as checked() has them, when each process of the team has a part of the largest batches of stage 1.
/// Throws ValueError with the numbers; tells of networks whose batches have fewer parts, which leave processes idle.
inline const Config& checked_for(const distributed::Team& team, const Config& c) {
  (void)checked(c);
  const Index part = c.part_images > 0 ? c.part_images : c.micro_batch;
  const auto parts = parts_of_batches(c, part);
  const Index most = *std::ranges::max_element(parts);
  paser::check<paser::ValueError>(team.size() <= most, "team", team.size(), " processes share the ", most,
                                  " parts of a batch, of ", part,
                                  " images each, and each needs at least one: expected ",
                                  "fewer processes, larger batches or a smaller part_images");
  for (std::size_t k = 0; k < parts.size(); ++k)
    if (team.size() > parts[k])
      std::cerr << "warning: a batch of f" << k + 1 << " has " << parts[k] << " parts, so that "
                << team.size() - parts[k] << " of " << team.size()
                << " processes wait in its training; part_images sets their size\n";
  return c;
}

}  // namespace segmentation
