#pragma once

/// \file
/// Every header of models/zoo/. No other umbrella includes it.

#include "paser/models/zoo/aspp.hpp"
#include "paser/models/zoo/conv_norm.hpp"
#include "paser/models/zoo/deeplabv3plus.hpp"
#include "paser/models/zoo/deeplabv3plus_spec.hpp"
#include "paser/models/zoo/encoder.hpp"
#include "paser/models/zoo/inverted_residual.hpp"
#include "paser/models/zoo/mobilenet_v2.hpp"
#include "paser/models/zoo/residual_block.hpp"
#include "paser/models/zoo/resnet.hpp"
