#pragma once

/// \file
/// Every header of rl/.

#include "paser/rl/categorical.hpp"
#include "paser/rl/expected_reward.hpp"
#include "paser/rl/exploration.hpp"
#include "paser/rl/policy_gradient.hpp"
