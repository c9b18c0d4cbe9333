#pragma once

/// \file
/// Every header of distributed/.

#include "paser/distributed/mpi_team.hpp"
#include "paser/distributed/rows.hpp"
#include "paser/distributed/sum_gradients.hpp"
#include "paser/distributed/team.hpp"
