#pragma once
#include "paser/core/macros_off.inc"

#include <functional>
#include <map>
#include <numeric>
#include <optional>

#include "paser/data/encode_mask.hpp"
#include "paser/data/pairs.hpp"

namespace paser::data {

/// How the files of a folder of images and one of masks are read.
struct FolderOptions {
  LabelEncoding map;                    ///< the values of the masks; by default each value is its own class
  std::optional<PaletteUse> palette;    ///< what palette masks are taken for; see encode_mask
  std::optional<io::ValueRange> range;  ///< the stored image values that become 0 and 1; see io::to_unit
  Index channels = 0;                   ///< of the images: 1, 3, or 0: 3 when one of them is in colour, else 1
  bool lossy_masks = false;             ///< takes masks from JPEG files, whose values are not those that were saved
  io::ImageLimits limits;               ///< what one file may ask of the reader
  PairingOptions pairing;
};

/// An image with its mask, found good.
struct SampleInfo {
  std::string name;  ///< the file's stem; of a stack, with the page: "scan#12"
  io::Path image, mask;
  Index page = 0;  ///< of both files
  Index height = 0, width = 0, channels = 0;
  std::uint64_t id = 0;  ///< the place among all pairs and pages, good or bad: a name for keys of random numbers
};

/// A value of masks that stands for no class, over all files.
struct UnmappedValue {
  Index pixels = 0, files = 0;
  io::Path first;  ///< the first file with it
};

/// What is in a folder of images and one of masks.
struct FolderReport {
  std::vector<SampleInfo> samples;    ///< those that can be used
  std::vector<BadFile> bad;           ///< every file that cannot, with the reason
  std::vector<std::string> problems;  ///< with the set as a whole: it cannot be used
  std::vector<std::string> warnings;  ///< it can, but look at this
  std::vector<io::Path> skipped;      ///< files that do not claim to be pictures

  std::map<std::pair<Index, Index>, Index> sizes;  ///< (height, width) -> samples
  std::map<std::string, Index> image_kinds;        ///< "8-bit gray" -> samples
  std::map<std::string, Index> mask_kinds;
  Index turned = 0,
        turned_alone = 0;            ///< samples whose image or mask was turned upright, and those with only one turned
  Index channels = 1;                ///< that the images are given
  float darkest = 1, brightest = 0;  ///< of all image samples, scaled to [0,1]

  std::map<std::uint16_t, Index> mask_values;     ///< stored value -> pixels, of good and bad masks
  std::map<std::string, UnmappedValue> unmapped;  ///< value or colour, at most most_unknown_values of them
  Index further_unmapped = 0;                     ///< the others, those of each mask counted anew
  std::vector<std::string> class_names;           ///< one per class
  std::vector<Index> class_pixels;                ///< of the samples
  Index ignored_pixels = 0;

  Index classes() const { return static_cast<Index>(class_names.size()); }
  /// Whether every file is good, and there is one.
  bool ok() const { return bad.empty() && problems.empty() && !samples.empty(); }

  /// The share of class k in the pixels that have a class; 0 when none has.
  double share(Index k) const {
    const Index all = std::accumulate(class_pixels.begin(), class_pixels.end(), Index{0});
    return all > 0 ? static_cast<double>(class_pixels.at(static_cast<std::size_t>(k))) / static_cast<double>(all) : 0;
  }
};

/// That pixels were turned upright, and of how many pairs on one side only; empty when none were.
template <class Report = FolderReport>
std::string turned_warning(const Report& report) {
  if (report.turned == 0) return {};
  std::string said = message("turned upright, as the orientation in their files says: ", report.turned, " pairs");
  if (report.turned_alone > 0)
    said += message(", of ", report.turned_alone,
                    " of which only one of image and mask: see that the masks were drawn on upright images");
  return said;
}

}  // namespace paser::data
#include "paser/core/macros_on.inc"
