#pragma once

/// \file
/// Every header of data/.

#include "paser/data/augment.hpp"
#include "paser/data/batch.hpp"
#include "paser/data/battery.hpp"
#include "paser/data/class_file.hpp"
#include "paser/data/class_names.hpp"
#include "paser/data/class_weights.hpp"
#include "paser/data/data_parts.hpp"
#include "paser/data/encode_mask.hpp"
#include "paser/data/folder.hpp"
#include "paser/data/folder_check.hpp"
#include "paser/data/folder_report.hpp"
#include "paser/data/folder_report_text.hpp"
#include "paser/data/idx.hpp"
#include "paser/data/label_encoding.hpp"
#include "paser/data/noise.hpp"
#include "paser/data/noisy_mnist.hpp"
#include "paser/data/pairs.hpp"
#include "paser/data/patches.hpp"
#include "paser/data/range_fit.hpp"
#include "paser/data/salt_and_pepper.hpp"
#include "paser/data/shifted.hpp"
#include "paser/data/split.hpp"
#include "paser/data/stored_sample.hpp"
