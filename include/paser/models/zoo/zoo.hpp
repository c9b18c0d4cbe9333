#pragma once

/// \file
/// Every header of models/zoo/. No other umbrella includes it.

#include "paser/models/zoo/aspp.hpp"
#include "paser/models/zoo/conv_layer.hpp"
#include "paser/models/zoo/conv_norm.hpp"
#include "paser/models/zoo/deeplabv3plus.hpp"
#include "paser/models/zoo/deeplabv3plus_spec.hpp"
#include "paser/models/zoo/efficientvit.hpp"
#include "paser/models/zoo/efficientvit_spec.hpp"
#include "paser/models/zoo/encoder.hpp"
#include "paser/models/zoo/inverted_residual.hpp"
#include "paser/models/zoo/lite_mla.hpp"
#include "paser/models/zoo/matphase.hpp"
#include "paser/models/zoo/matphase_spec.hpp"
#include "paser/models/zoo/mix_transformer_block.hpp"
#include "paser/models/zoo/mlp_decoder.hpp"
#include "paser/models/zoo/mobile_blocks.hpp"
#include "paser/models/zoo/mobilenet_v2.hpp"
#include "paser/models/zoo/residual_block.hpp"
#include "paser/models/zoo/resnet.hpp"
#include "paser/models/zoo/segformer.hpp"
#include "paser/models/zoo/segformer_names.hpp"
#include "paser/models/zoo/segformer_spec.hpp"
#include "paser/models/zoo/transformer_layers.hpp"
