#pragma once

/// \file
/// Every header of io/.

#include "paser/io/atomic_file.hpp"
#include "paser/io/checkpoint.hpp"
#include "paser/io/config.hpp"
#include "paser/io/crc32.hpp"
#include "paser/io/file.hpp"
#include "paser/io/gzip.hpp"
#include "paser/io/image.hpp"
#include "paser/io/image_checks.hpp"
#include "paser/io/image_file.hpp"
#include "paser/io/indexed_png.hpp"
#include "paser/io/output_folder.hpp"
#include "paser/io/output_manifest.hpp"
#include "paser/io/page.hpp"
#include "paser/io/png_samples.hpp"
#include "paser/io/pnm.hpp"
#include "paser/io/raster.hpp"
#include "paser/io/raw_tensor.hpp"
#include "paser/io/safetensors.hpp"
#include "paser/io/state.hpp"
#include "paser/io/tiff.hpp"
#include "paser/io/torch_layout.hpp"
#include "paser/io/torch_names.hpp"
