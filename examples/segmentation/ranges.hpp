#pragma once

#include "segmentation/config.hpp"
#include "setting_ranges.hpp"

namespace segmentation {

/// The numbers that settings of data sets may have, the same in every program.
inline constexpr std::array data_ranges{
    program::Range{"seed", 0, 18446744073709551616.0},
    program::Range{"channels", 0, 3},
    program::Range{"value_range", -1e30, 1e30},
    program::Range{"size", 0, 65536},
    program::Range{"train_images", 0, 1e9},
    program::Range{"validation_images", 0, 1e9},
    program::Range{"test_images", 0, 1e9},
    program::Range{"gray_gain", 0, 1},
    program::Range{"gray_offset", 0, 1},
    program::Range{"grid", 1, 4096},
    program::Range{"noise", 0, 1},
    program::Range{"micro_batch", 1, 4096},
};

/// Those of a training.
inline constexpr std::array training_ranges{
    program::Range{"widths", 2, 4096},
    program::Range{"depths", 1, 10},
    program::Range{"dropout", 0, 1, program::Range::below_high},
    program::Range{"samples", 1, 10'000},
    program::Range{"pretrain_epochs", 1, 1e6},
    program::Range{"pretrain_batch", 1, 1e6},
    program::Range{"pretrain_rate", 0, program::largest_rate, program::Range::above_low},
    program::Range{"pretrain_final_rate", 0, 1},
    program::Range{"distillation_weight", 0, 1},
    program::Range{"temperature", 0, 1e4, program::Range::above_low},
    program::Range{"validate_every", 1, 1e6},
    program::Range{"lambda", 0, 1},
    program::Range{"entropy_bonus", 0, 1e4},
    program::Range{"policy_epochs", 1, 1e6},
    program::Range{"policy_batch", 1, 1e6},
    program::Range{"policy_rate", 0, program::largest_rate, program::Range::above_low},
    program::Range{"exploit_from", 0, 1},
    program::Range{"exploit_to", 0, 1},
    program::Range{"belief_draws", 0, 1000},
    program::Range{"fine_tune_epochs", 1, 1e6},
    program::Range{"fine_tune_batch", 1, 1e6},
    program::Range{"fine_tune_rate", 0, program::largest_rate},
    program::Range{"fine_tune_policy_rate", 0, program::largest_rate},
    program::Range{"fine_tune_exploit_from", 0, 1},
    program::Range{"fine_tune_exploit_to", 0, 1},
    program::Range{"tuned_lambda", 0, 1},
    program::Range{"tuned_entropy_bonus", 0, 1e4},
    program::Range{"lambdas", 0, 1},
    program::Range{"budget_gmac", 0, 1e9},
    program::Range{"budget_ms", 0, 1e9},
    program::Range{"budget_trials", 1, 1000},
    program::Range{"question_epochs", 0, 1e6},
    program::Range{"noise_epochs", 0, 1e6},
    program::Range{"noise_images", 0, 1e9},
    program::Range{"sample_counts", 1, 10'000},
    program::Range{"part_images", 0, 4096},
    program::Range{"patience", 0, 1e6},
};

/// Several tables as one; of a setting in two of them the first counts.
template <std::size_t... N>
std::vector<program::Range> joined(const std::array<program::Range, N>&... tables) {
  std::vector<program::Range> all;
  (all.insert(all.end(), tables.begin(), tables.end()), ...);
  return all;
}

/// Throws ValueError naming the setting, what it is and what it may be.
inline void check_ranges(const Config& c) {
  using paser::check;
  using paser::ValueError;
  program::check_ranges(c, joined(data_ranges, training_ranges));
  check<ValueError>(c.channels != 2, "setting", "channels = 2, expected 1 (gray), 3 (colour), or 0: as in the files");
  for (const Index width : c.widths)
    check<ValueError>(width % 2 == 0, "setting", "widths has ", width, ", expected even numbers");
  for (const Index epochs : c.noise_epochs)
    check<ValueError>(c.noise == 0 || epochs >= 1, "setting", "noise_epochs has ", epochs,
                      ", expected at least 1 where noise is asked for");
}

}  // namespace segmentation
