#pragma once

/// \file
/// Every header of models/.

#include "paser/models/double_conv.hpp"
#include "paser/models/policy_net.hpp"
#include "paser/models/segmenter.hpp"
#include "paser/models/unet.hpp"
