#pragma once

/// \file
/// Every header of experiment/.

#include "paser/experiment/advice.hpp"
#include "paser/experiment/common_settings.hpp"
#include "paser/experiment/comparison.hpp"
#include "paser/experiment/data_files.hpp"
#include "paser/experiment/dealt_files.hpp"
#include "paser/experiment/dry_run.hpp"
#include "paser/experiment/finish.hpp"
#include "paser/experiment/folder_comparison.hpp"
#include "paser/experiment/folder_data.hpp"
#include "paser/experiment/folder_summary.hpp"
#include "paser/experiment/networks.hpp"
#include "paser/experiment/older_run.hpp"
#include "paser/experiment/pretrain_stage.hpp"
#include "paser/experiment/replay.hpp"
#include "paser/experiment/rival_settings.hpp"
#include "paser/experiment/rivals.hpp"
#include "paser/experiment/run_folder.hpp"
#include "paser/experiment/run_settings.hpp"
#include "paser/experiment/run_size.hpp"
#include "paser/experiment/settings.hpp"
#include "paser/experiment/shown.hpp"
#include "paser/experiment/stage_meter.hpp"
#include "paser/experiment/stage_options.hpp"
#include "paser/experiment/stages.hpp"
