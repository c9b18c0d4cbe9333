#pragma once

#include "paser/kernels/activation.hpp"
