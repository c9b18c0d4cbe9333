#pragma once
#include "paser/core/macros_off.inc"

#include "paser/models/zoo/a.hpp"

#include "paser/core/macros_on.inc"
