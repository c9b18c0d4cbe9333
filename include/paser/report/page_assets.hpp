#pragma once
#include "paser/core/macros_off.inc"

#include <map>
#include <string>

#include "paser/io/file.hpp"

namespace paser::report {

/// The files that the page of a report is made of (its template, styles, scripts and the chart library) by their names.
/// A program reads them from the headers' own paser/report/assets, or carries them.
using PageAssets = std::map<std::string, std::string, std::less<>>;

/// The files of a folder. Throws IoError when it cannot be read.
template <class Folder = std::filesystem::path>
PageAssets read_page_assets(const Folder& folder) {
  std::error_code error;
  std::filesystem::directory_iterator entries(folder, error);
  check<IoError>(!error, "report", std::filesystem::path(folder).string(), " cannot be read: ", error.message());
  PageAssets assets;
  for (const auto& entry : entries)
    if (entry.is_regular_file()) assets.emplace(entry.path().filename().string(), io::read_file(entry.path()));
  return assets;
}

}  // namespace paser::report
#include "paser/core/macros_on.inc"
