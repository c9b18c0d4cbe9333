#pragma once
#include "paser/core/macros_off.inc"

#include "paser/core/parallel.hpp"
#include "paser/data/folder_report.hpp"
#include "paser/data/range_fit.hpp"
#include "paser/data/stored_sample.hpp"
#include "paser/io/image_file.hpp"

/// Looks at every file of a data set before anything is trained on it.
namespace paser::data {

/// Gets a sample that was found good, in the order of the report's `samples`.
using KeepSample = std::function<void(StoredSample sample)>;
/// Gets how many pairs of files have been looked at, of how many.
using CheckProgress = std::function<void(Index done, Index total)>;

namespace detail {

/// What one page of a pair of files holds.
struct PageFindings {
  SampleInfo info;
  bool good = false;
  std::string image_kind, mask_kind;
  EncodedMask mask;
  float darkest = 1, brightest = 0;
  int image_orientation = 1, mask_orientation = 1;
  StoredSample stored;
};

/// What one pair of files holds.
struct PairFindings {
  std::vector<PageFindings> pages;
  std::vector<BadFile> bad;
};

/// The reason without the file's name in front, which stands beside it anyway.
inline std::string reason_of(const std::exception& error, const io::Path& file) {
  std::string text = error.what();
  for (const std::string& prefix : {file.string() + ": ", "read: " + io::quoted(file) + " "})
    if (text.starts_with(prefix)) return text.substr(prefix.size());
  return text;
}

/// Calls f; an exception becomes an entry of `bad`. Returns whether there was none.
template <class F>
bool without_error(std::vector<BadFile>& bad, const io::Path& file, const std::string& where, const F& f) {
  try {
    f();
    return true;
  } catch (const std::exception& error) {
    bad.push_back({file, where + reason_of(error, file)});
    return false;
  }
}

/// Looks at one page of both files.
template <class File>
PageFindings check_page(File& image, File& mask, SampleInfo info, const FolderOptions& options, bool keep,
                        std::vector<BadFile>& bad) {
  PageFindings found;
  const std::string where = image.pages() > 1 ? message("page ", info.page, ": ") : "";
  io::DecodedImage pixels, truth;
  const bool seen = without_error(bad, info.image, where, [&] {
    pixels = image.page(info.page);
    found.image_kind = pixels.kind();
    info.channels = channels_of(pixels);
    require_range_fits(pixels, options.range, info.image.string());
    const auto x = io::to_unit(pixels, options.range, info.image.string());
    const auto [low, high] = std::ranges::minmax_element(x.values());
    found.darkest = *low;
    found.brightest = *high;
  });
  const bool read = without_error(bad, info.mask, where, [&] {
    truth = mask.page(info.page);
    found.mask_kind = truth.kind();
    check<FormatError>(!truth.lossy || options.lossy_masks, info.mask.string().c_str(),
                       "is compressed as by JPEG, which changes the values of a mask near edges; expected PNG, BMP, "
                       "PNM or TIFF without loss");
    found.mask = encode_mask(truth, options.map, info.mask.string(), options.palette);
    if (!found.mask.unknown.empty())
      throw FormatError(unknown_sentence(found.mask.unknown, found.mask.further_unknown));
  });
  info.height = pixels.height();
  info.width = pixels.width();
  found.image_orientation = pixels.orientation;
  found.mask_orientation = truth.orientation;
  found.good = seen && read;
  if (found.good && (truth.height() != info.height || truth.width() != info.width)) {
    found.good = false;
    std::string turned;
    if (pixels.orientation != truth.orientation)
      turned = message(", as turned upright from orientation ", truth.orientation, " and ", pixels.orientation);
    bad.push_back({info.mask, message(where, "is ", truth.height(), " x ", truth.width(), " pixels, its image ",
                                      info.height, " x ", info.width, " (height x width)", turned)});
  }
  if (found.good && keep) found.stored = StoredSample(pixels, found.mask.labels);
  found.mask.labels = {};
  found.info = std::move(info);
  return found;
}

/// Looks at a pair of files; never throws.
template <class File = io::ImageFile>
PairFindings check_pair(const FilePair& pair, const FolderOptions& options, bool keep) {
  PairFindings found;
  std::optional<File> image, mask;
  const bool first = without_error(found.bad, pair.image, "", [&] { image.emplace(pair.image, options.limits); });
  const bool second = without_error(found.bad, pair.mask, "", [&] { mask.emplace(pair.mask, options.limits); });
  if (!first || !second) return found;
  if (image->pages() != mask->pages()) {
    found.bad.push_back({pair.mask, message("has ", mask->pages(), " pages, its image ", image->pages())});
    return found;
  }
  for (Index k = 0; k < image->pages(); ++k) {
    SampleInfo info{image->pages() > 1 ? message(pair.stem, "#", k) : pair.stem, pair.image, pair.mask, k, 0, 0, 0, 0};
    found.pages.push_back(check_page(*image, *mask, std::move(info), options, keep, found.bad));
  }
  return found;
}

/// Adds what was found to the report.
template <class Report>
void take(Report& report, PairFindings& found, std::uint64_t& id, const KeepSample& keep) {
  report.bad.insert(report.bad.end(), found.bad.begin(), found.bad.end());
  id += found.pages.empty() ? 1 : 0;
  for (PageFindings& page : found.pages) {
    page.info.id = id++;
    for (const auto& [value, pixels] : page.mask.values) report.mask_values[value] += pixels;
    report.further_unmapped += page.mask.further_unknown;
    for (const UnknownValue& u : page.mask.unknown) {
      if (report.unmapped.size() >= most_unknown_values && !report.unmapped.contains(u.value)) {
        ++report.further_unmapped;
        continue;
      }
      UnmappedValue& all = report.unmapped[u.value];
      if (all.files++ == 0) all.first = page.info.mask;
      all.pixels += u.pixels;
    }
    if (!page.image_kind.empty()) ++report.image_kinds[page.image_kind];
    if (!page.mask_kind.empty()) ++report.mask_kinds[page.mask_kind];
    if (!page.good) continue;
    if (page.mask.pixels.size() > report.class_pixels.size()) report.class_pixels.resize(page.mask.pixels.size(), 0);
    for (std::size_t k = 0; k < page.mask.pixels.size(); ++k) report.class_pixels[k] += page.mask.pixels[k];
    report.ignored_pixels += page.mask.ignored;
    report.turned += page.image_orientation != 1 || page.mask_orientation != 1 ? 1 : 0;
    report.turned_alone += page.image_orientation != page.mask_orientation ? 1 : 0;
    ++report.sizes[{page.info.height, page.info.width}];
    report.channels = std::max(report.channels, page.info.channels);
    report.darkest = std::min(report.darkest, page.darkest);
    report.brightest = std::max(report.brightest, page.brightest);
    report.samples.push_back(std::move(page.info));
    if (keep) keep(std::move(page.stored));
  }
}

/// The distinct values of all masks with their pixels: "0 (120 pixels), 255 (36 pixels)".
template <class Values>
std::string value_list(const Values& values) {
  std::string list;
  Index shown = 0;
  for (const auto& [value, pixels] : values) {
    if (shown++ == 12) return list + message(" and ", values.size() - 12, " more");
    list += message(list.empty() ? "" : ", ", value, " (", pixels, " pixels)");
  }
  return list;
}

/// What can be said of the set as a whole only.
template <class Report>
void conclude(Report& report, const FolderOptions& options) {
  const Index named = options.map.classes(), found = static_cast<Index>(report.class_pixels.size());
  const bool counted = named == 0;  // an index without a number of classes
  const auto absent = std::ranges::count(report.class_pixels, Index{0});
  if (counted && (absent > 0 || !report.unmapped.empty()) && !report.mask_values.empty())
    report.problems.push_back(message("the masks hold the values ", value_list(report.mask_values),
                                      ", which are not the numbers of classes 0, 1, 2, ...; map them, such as "
                                      "0:0,255:1, or say how many classes there are"));
  report.class_pixels.resize(static_cast<std::size_t>(std::max(named, found)), 0);
  for (Index k = 0; k < std::max(named, found); ++k) report.class_names.push_back(options.map.name(k));
  if (!counted && !report.samples.empty())
    for (std::size_t k = 0; k < report.class_pixels.size(); ++k)
      if (report.class_pixels[k] == 0)
        report.warnings.push_back(message("no pixel is of class ", k, " (", report.class_names[k], ")"));
  if (report.samples.empty()) report.problems.push_back("there is no image with a mask that can be used");
  if (report.samples.empty()) return;
  const Index occur = std::ssize(report.class_pixels) - std::ranges::count(report.class_pixels, Index{0});
  if (occur == 1) report.warnings.push_back("all pixels are of one class");
  if (found == 0) report.problems.push_back("no pixel has a class");
  if (report.sizes.size() > 1)
    report.warnings.push_back(
        "the images have several sizes: batches need crops, tiles, padding or groups of one size");
  Index colour = 0;
  for (const SampleInfo& s : report.samples) colour += s.channels == 3 ? 1 : 0;
  if (options.channels == 0 && colour > 0 && colour < static_cast<Index>(report.samples.size()))
    report.warnings.push_back(message("images in colour: ", colour,
                                      ", gray: ", static_cast<Index>(report.samples.size()) - colour,
                                      "; the gray ones are given three equal channels"));
  if (report.turned > 0) report.warnings.push_back(turned_warning(report));
  if (report.image_kinds.size() > 1)
    report.warnings.push_back("the images differ in depth or colours: each is scaled by its own depth");
  if (const std::string dark = dark_warning(report.brightest); !dark.empty()) report.warnings.push_back(dark);
  if (options.channels > 0) report.channels = options.channels;
}

}  // namespace detail

/// Reads every pair of files whole and says what is there and what is wrong: it does not stop at a bad file. `keep`, if
/// given, gets the good samples. Throws IoError when a folder cannot be read, ValueError when `channels` is none of 0,
/// 1, 3. The report is the same for any number of threads.
template <class Options = FolderOptions>
FolderReport check_folder(const io::Path& images, const io::Path& masks, const Options& options = {},
                          const CheckProgress& progress = {}, const KeepSample& keep = {}) {
  check<ValueError>(options.channels == 0 || options.channels == 1 || options.channels == 3, "check_folder",
                    options.channels, " channels, expected 1, 3, or 0 for those of the files");
  const Pairing pairing = pair_files(images, masks, options.pairing);
  FolderReport report;
  report.bad = pairing.bad;
  report.skipped = pairing.skipped;
  std::uint64_t id = 0;
  const auto total = static_cast<Index>(pairing.pairs.size());
  constexpr Index at_once = 32;  // bounds what is in memory before it is counted
  if (progress) progress(0, total);
  for (Index begin = 0; begin < total; begin += at_once) {
    const Index count = std::min(at_once, total - begin);
    std::vector<detail::PairFindings> found(static_cast<std::size_t>(count));
    parallel_each(count, [&](Index i) {
      found[static_cast<std::size_t>(i)] =
          detail::check_pair(pairing.pairs[static_cast<std::size_t>(begin + i)], options, static_cast<bool>(keep));
    });
    for (auto& pair : found) detail::take(report, pair, id, keep);
    if (progress) progress(begin + count, total);
  }
  detail::conclude(report, options);
  return report;
}

}  // namespace paser::data
#include "paser/core/macros_on.inc"
