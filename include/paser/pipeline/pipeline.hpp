#pragma once

/// \file
/// Every header of pipeline/.

#include "paser/pipeline/calibrate_lambda.hpp"
#include "paser/pipeline/cascade.hpp"
#include "paser/pipeline/cost.hpp"
#include "paser/pipeline/evaluate.hpp"
#include "paser/pipeline/fine_tune.hpp"
#include "paser/pipeline/how_far.hpp"
#include "paser/pipeline/net_policy.hpp"
#include "paser/pipeline/part_registry.hpp"
#include "paser/pipeline/paser.hpp"
#include "paser/pipeline/paser_file.hpp"
#include "paser/pipeline/policy.hpp"
#include "paser/pipeline/policy_data.hpp"
#include "paser/pipeline/pretrain.hpp"
#include "paser/pipeline/reward.hpp"
#include "paser/pipeline/routing_table.hpp"
#include "paser/pipeline/segment.hpp"
#include "paser/pipeline/simple_policies.hpp"
#include "paser/pipeline/stage.hpp"
#include "paser/pipeline/supervised.hpp"
#include "paser/pipeline/tiled.hpp"
#include "paser/pipeline/train_policy.hpp"
#include "paser/pipeline/training_state.hpp"
#include "paser/pipeline/work.hpp"
