#pragma once

/// \file
/// All of paser but experiment/ and models/zoo/. A folder's own umbrella, paser/FOLDER/FOLDER.hpp, compiles faster.

#include "paser/autograd/autograd.hpp"
#include "paser/core/core.hpp"
#include "paser/data/data.hpp"
#include "paser/distributed/distributed.hpp"
#include "paser/io/io.hpp"
#include "paser/kernels/kernels.hpp"
#include "paser/metrics/metrics.hpp"
#include "paser/models/models.hpp"
#include "paser/nn/nn.hpp"
#include "paser/ops/ops.hpp"
#include "paser/optim/optim.hpp"
#include "paser/pipeline/pipeline.hpp"
#include "paser/report/report.hpp"
#include "paser/rl/rl.hpp"
#include "paser/uncertainty/uncertainty.hpp"
#include "paser/version.hpp"
