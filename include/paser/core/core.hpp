#pragma once

/// \file
/// Every header of core/.

#include "paser/core/compiler.hpp"
#include "paser/core/error.hpp"
#include "paser/core/finite.hpp"
#include "paser/core/float_state.hpp"
#include "paser/core/isa.hpp"
#include "paser/core/memory.hpp"
#include "paser/core/mirrored.hpp"
#include "paser/core/one_program.hpp"
#include "paser/core/page_memory.hpp"
#include "paser/core/parallel.hpp"
#include "paser/core/random.hpp"
#include "paser/core/registry.hpp"
#include "paser/core/rows.hpp"
#include "paser/core/sanitizer.hpp"
#include "paser/core/shape.hpp"
#include "paser/core/tensor.hpp"
#include "paser/core/text.hpp"
#include "paser/core/tree_sum.hpp"
#include "paser/core/typed_spec.hpp"
