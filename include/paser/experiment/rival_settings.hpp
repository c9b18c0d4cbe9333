#pragma once
#include "paser/core/macros_off.inc"

#include "paser/experiment/common_settings.hpp"

/// The settings of networks that a PaSeR is compared with; see rivals.hpp.
namespace paser::experiment {

/// Which networks, and how they are trained.
struct RivalSettings {
  std::vector<TypedSpec> rivals;
  std::vector<Index> rival_epochs, rival_batch;
  std::vector<double> rival_rate;

  template <class Self, class V>
  static void visit(Self& s, V&& v) {
    v("rivals", s.rivals, OfRegistry{},
      "networks to compare with, trained alone on whole images; in, classes from the data");
    v("rival_epochs", s.rival_epochs, Range::steps(), "of each of them");
    v("rival_batch", s.rival_batch, Range::steps(), "images of a step of each of them, all at once");
    v("rival_rate", s.rival_rate, Range::rate(), "learning rates of each, which fall linearly to a tenth");
  }
};

/// Without rivals the other lists say nothing: they are then left out, so that they make no other run.
inline void settle_rivals(RivalSettings& s) {
  if (s.rivals.empty()) s = {};
}

/// Throws ValueError unless the lists are of the same number of networks.
inline void check_rivals(const RivalSettings& s) {
  const std::size_t n = s.rivals.size();
  check<ValueError>(n == 0 || (s.rival_epochs.size() == n && s.rival_batch.size() == n && s.rival_rate.size() == n),
                    "settings", "expected rival_epochs, rival_batch and rival_rate of ", n,
                    " networks, as rivals has, got ", s.rival_epochs.size(), ", ", s.rival_batch.size(), " and ",
                    s.rival_rate.size());
}

}  // namespace paser::experiment
#include "paser/core/macros_on.inc"
