#pragma once

/// \file
/// Every header of uncertainty/.

#include "paser/uncertainty/belief.hpp"
#include "paser/uncertainty/entropy.hpp"
#include "paser/uncertainty/mc_dropout.hpp"
