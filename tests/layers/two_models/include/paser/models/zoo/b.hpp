#pragma once
#include "paser/core/macros_off.inc"

#include "paser/core/macros_on.inc"
