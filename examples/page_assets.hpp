#pragma once

#include "paser/report/page_assets.hpp"

namespace program {

/// The report's page, which every program carries that writes one: cmake/embed.cmake makes the function from
/// include/paser/report/assets, so that an installed program needs no folder.
paser::report::PageAssets page_assets();

}  // namespace program
