#pragma once

#include "paser/core/simd.hpp"

namespace paser {
using Row = Eigen::RowVectorXf;
}
