#pragma once

/// \file
/// Every header of uncertainty/.

#include "paser/uncertainty/estimator.hpp"
#include "paser/uncertainty/mc_dropout.hpp"
#include "paser/uncertainty/patch_statistics.hpp"
#include "paser/uncertainty/prediction.hpp"
