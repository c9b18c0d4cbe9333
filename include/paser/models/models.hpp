#pragma once

/// \file
/// Every header of models/.

#include "paser/models/any_segmenter.hpp"
#include "paser/models/corrected.hpp"
#include "paser/models/double_conv.hpp"
#include "paser/models/halo.hpp"
#include "paser/models/model_spec.hpp"
#include "paser/models/policy_net.hpp"
#include "paser/models/registry.hpp"
#include "paser/models/unet.hpp"
#include "paser/models/wrappers.hpp"
