#pragma once

/// \file
/// Every header of metrics/.

#include "paser/metrics/additive_gain.hpp"
#include "paser/metrics/bootstrap.hpp"
#include "paser/metrics/calibration.hpp"
#include "paser/metrics/class_scores.hpp"
#include "paser/metrics/confusion.hpp"
#include "paser/metrics/count_operations.hpp"
#include "paser/metrics/iou.hpp"
#include "paser/metrics/statistics.hpp"
#include "paser/metrics/total_variation.hpp"
