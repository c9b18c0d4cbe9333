#pragma once

/// \file
/// Every header of optim/.

#include "paser/optim/adam.hpp"
#include "paser/optim/optimizer.hpp"
#include "paser/optim/parameter_groups.hpp"
#include "paser/optim/schedule.hpp"
#include "paser/optim/sgd.hpp"
