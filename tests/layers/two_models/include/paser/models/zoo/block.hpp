#pragma once
#include "paser/core/macros_off.inc"

#include "paser/models/zoo/b.hpp"

#include "paser/core/macros_on.inc"
