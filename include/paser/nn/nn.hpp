#pragma once

/// \file
/// Every header of nn/.

#include "paser/nn/activation.hpp"
#include "paser/nn/chain.hpp"
#include "paser/nn/conv2d.hpp"
#include "paser/nn/conv_transpose2d.hpp"
#include "paser/nn/dropout.hpp"
#include "paser/nn/erased.hpp"
#include "paser/nn/gradient_check.hpp"
#include "paser/nn/init.hpp"
#include "paser/nn/linear.hpp"
#include "paser/nn/module_list.hpp"
#include "paser/nn/norm.hpp"
#include "paser/nn/structured_dropout.hpp"
#include "paser/nn/visit.hpp"
