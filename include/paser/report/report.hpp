#pragma once

/// \file
/// Every header of report/.

#include "paser/report/csv.hpp"
#include "paser/report/curve_figure.hpp"
#include "paser/report/environment.hpp"
#include "paser/report/figures.hpp"
#include "paser/report/html.hpp"
#include "paser/report/interrupt.hpp"
#include "paser/report/log.hpp"
#include "paser/report/measure_costs.hpp"
#include "paser/report/memory.hpp"
#include "paser/report/method_row.hpp"
#include "paser/report/notes.hpp"
#include "paser/report/page_assets.hpp"
#include "paser/report/progress.hpp"
#include "paser/report/reliability_figure.hpp"
#include "paser/report/result_fields.hpp"
#include "paser/report/result_parts.hpp"
#include "paser/report/results.hpp"
#include "paser/report/results_csv.hpp"
#include "paser/report/results_file.hpp"
#include "paser/report/svg.hpp"
#include "paser/report/table.hpp"
#include "paser/report/tensorboard.hpp"
#include "paser/report/text.hpp"
#include "paser/report/timing.hpp"
