#pragma once
#include "paser/core/macros_off.inc"

#include <ostream>

#include "paser/experiment/folder_data.hpp"
#include "paser/report/table.hpp"

namespace paser::experiment {

/// How stored values become numbers of 0 .. 1.
inline std::string scaling(const FolderSettings& s, const data::FolderReport& images) {
  if (const auto range = value_range(s))
    return message("stored values ", range->low, " .. ", range->high,
                   " become 0 .. 1, and what is outside becomes 0 or 1");
  return message("no value range is given: stored values become shares of the files' full scale, here ",
                 report::fixed(static_cast<double>(images.darkest), 3), " .. ",
                 report::fixed(static_cast<double>(images.brightest), 3));
}

/// Tells what a run is about to train on: images, sizes, values and classes; and warns of what is remarkable about
/// them.
inline void print_data(std::ostream& out, std::ostream& warn, const FolderSettings& s, const FolderData& data) {
  const data::FolderReport& images = data.varied(1).report();
  if (!data.division().empty()) out << visible(data.division()) << "\n";
  out << "Images    " << data.varied(1).size();
  if (data.in_thirds()) out << " + " << data.varied(2).size() << " + " << data.varied(3).size();
  out << " to train on" << (data.in_thirds() ? ", one part for each stage" : "") << "; " << data.validation().size()
      << (data.has_validation() ? " for validation" : " of the training images for validation") << "; "
      << (data.has_test() ? "the test images are read again at the end"
                          : "there is no folder test_images, so the test will be on the validation images, "
                            "which have chosen the networks: it flatters them")
      << "\nSizes     " << data.height() << " x " << data.width() << " pixels, " << data.channels() << " channel"
      << (data.channels() == 1 ? "" : "s");
  for (const auto& [kind, count] : images.image_kinds) out << "; " << kind << ": " << count;
  out << "\nValues    " << scaling(s, images) << "\nClasses  ";
  for (Index k = 0; k < images.classes(); ++k)
    out << (k > 0 ? "," : "") << " " << visible(images.class_names[static_cast<std::size_t>(k)]) << " "
        << report::fixed(100 * images.share(k), 1) << " %";
  out << "\n" << std::flush;
  warn << left_out_sentence(data.left_out());
  for (const std::string& warning : data.warnings()) warn << "warning: " << visible(warning) << "\n";
  warn << std::flush;
}

}  // namespace paser::experiment
#include "paser/core/macros_on.inc"
