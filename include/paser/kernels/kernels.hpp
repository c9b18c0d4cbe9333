#pragma once

/// \file
/// Every header of kernels/.

#include "paser/kernels/activation.hpp"
#include "paser/kernels/argmax.hpp"
#include "paser/kernels/attention.hpp"
#include "paser/kernels/axis_maps.hpp"
#include "paser/kernels/channel_norm.hpp"
#include "paser/kernels/channel_norm_backward.hpp"
#include "paser/kernels/conv2d.hpp"
#include "paser/kernels/copy_channels.hpp"
#include "paser/kernels/cross_entropy.hpp"
#include "paser/kernels/divergence.hpp"
#include "paser/kernels/dropout.hpp"
#include "paser/kernels/elementwise.hpp"
#include "paser/kernels/entropy.hpp"
#include "paser/kernels/filter_cache.hpp"
#include "paser/kernels/gemm.hpp"
#include "paser/kernels/layer_norm.hpp"
#include "paser/kernels/max_pool2d.hpp"
#include "paser/kernels/optimizer.hpp"
#include "paser/kernels/pad.hpp"
#include "paser/kernels/patch_statistics.hpp"
#include "paser/kernels/pool_shape.hpp"
#include "paser/kernels/reduce.hpp"
#include "paser/kernels/separable.hpp"
#include "paser/kernels/softmax.hpp"
