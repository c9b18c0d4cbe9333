#pragma once

/// \file
/// Every header of autograd/.

#include "paser/autograd/context.hpp"
#include "paser/autograd/count_context.hpp"
#include "paser/autograd/counted.hpp"
#include "paser/autograd/finite_watch.hpp"
#include "paser/autograd/gradient_check.hpp"
#include "paser/autograd/parameter.hpp"
#include "paser/autograd/tape.hpp"
