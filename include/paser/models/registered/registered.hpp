#pragma once

/// \file
/// Makes the names of all of paser's own models known to the registry, in float and double. Programs that open files
/// which others wrote include it; the umbrella paser/models/models.hpp does not, since whoever trains one network of a
/// known type need not compile the others.

#include "paser/models/registered/deeplabv3plus.hpp"
#include "paser/models/registered/efficientvit.hpp"
#include "paser/models/registered/matphase.hpp"
#include "paser/models/registered/segformer.hpp"
#include "paser/models/registered/unet.hpp"
#include "paser/models/registered/wrappers.hpp"
