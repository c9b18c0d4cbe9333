#pragma once

#include "paser/ops/relu.hpp"
