#pragma once

/// \file
/// Every header of data/.

#include "paser/data/batch.hpp"
#include "paser/data/battery.hpp"
#include "paser/data/idx.hpp"
#include "paser/data/noise.hpp"
#include "paser/data/noisy_mnist.hpp"
#include "paser/data/patches.hpp"
#include "paser/data/split.hpp"
