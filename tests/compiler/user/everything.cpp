// Every header of paser, strict warnings on.

#include "paser/data/synthetic/generator.hpp"
#include "paser/experiment/experiment.hpp"
#include "paser/io/weights_file.hpp"
#include "paser/kernels/reference/conv2d.hpp"
#include "paser/kernels/reference/finish_convolution.hpp"
#include "paser/models/registered/registered.hpp"
#include "paser/models/zoo/zoo.hpp"
#include "paser/paser.hpp"
