#pragma once
#include "paser/core/macros_off.inc"

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "paser/core/text.hpp"
#include "paser/io/text.hpp"

/// Which image belongs to which mask: files of two folders with the same name but for the ending.
namespace paser::data {

/// An image file and its mask file.
struct FilePair {
  std::string stem;  ///< of the image: its name without the ending
  io::Path image, mask;
};

/// A file that cannot be used, and why.
struct BadFile {
  io::Path file;
  std::string reason;
};

/// The files of two folders.
struct Pairing {
  std::vector<FilePair> pairs;    ///< in the order of their stems, byte by byte: the same on every machine
  std::vector<BadFile> bad;       ///< without a partner, or not the only file of its stem
  std::vector<io::Path> skipped;  ///< no images by their endings
};

/// How files find each other.
struct PairingOptions {
  std::string mask_suffix;  ///< what a mask's stem has behind its image's: "_mask" for cell.jpg and cell_mask.png
  std::vector<std::string> stems;  ///< when not empty: the images to use, of those in the folder
  /// When not empty: what an image's name has behind the stem; files without it, and masks without theirs, are others'.
  std::string image_suffix{};
  bool subfolders = false;  ///< the files are in folders of the folder
};

namespace detail {

/// Whether a file claims to be a picture, of a kind that is read or not: the others in a folder are nobody's images.
inline bool picture_name(const io::Path& path) {
  std::string ending = path.extension().string();
  std::ranges::transform(ending, ending.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  for (const char* known :
       {".png", ".jpg", ".jpeg", ".bmp", ".pgm", ".ppm", ".pnm", ".tif", ".tiff", ".npy", ".gif", ".webp"})
    if (ending == known) return true;
  return false;
}

/// What is in a folder, in the order of the names.
template <class Folder = io::Path>
std::vector<io::Path> entries_of(const Folder& folder) {
  std::error_code error;
  check<IoError>(std::filesystem::is_directory(folder, error), "pair_files", io::quoted(folder), " is not a folder");
  std::filesystem::directory_iterator entries(folder, error);
  check<IoError>(!error, "pair_files", io::quoted(folder), " cannot be read: ", error.message());
  std::vector<io::Path> paths;
  for (const auto& entry : entries)
    if (!entry.path().filename().string().starts_with('.')) paths.push_back(entry.path());
  std::ranges::sort(paths, {}, [](const io::Path& p) { return p.filename().string(); });
  return paths;
}

/// The pictures of a folder, or of the folders in it, by their stems, of which `suffix` is cut off. Those that do not
/// end with it are skipped.
template <class Result>
std::map<std::string, std::vector<io::Path>> pictures_in(const io::Path& folder, Result& result,
                                                         bool subfolders = false, const std::string& suffix = "") {
  std::vector<io::Path> files = entries_of(folder);
  if (subfolders) {
    std::vector<io::Path> within;
    for (const io::Path& entry : files)
      if (std::filesystem::is_directory(entry)) std::ranges::move(entries_of(entry), std::back_inserter(within));
    files = std::move(within);
  }
  std::map<std::string, std::vector<io::Path>> pictures;
  for (const io::Path& file : files) {
    const std::string stem = file.stem().string();
    if (picture_name(file) && stem.ends_with(suffix))
      pictures[stem.substr(0, stem.size() - suffix.size())].push_back(file);
    else
      result.skipped.push_back(file);
  }
  return pictures;
}

/// What is wrong with files of one stem: "b.png and b.jpg differ in their endings only", or "ulm/b.png and bonn/b.png
/// are files of one name in several folders".
inline std::string same_stem(const std::vector<io::Path>& files) {
  const auto folder = [](const io::Path& file) { return file.parent_path(); };
  const bool one_folder = std::ranges::count(files, folder(files[0]), folder) == std::ssize(files);
  std::string list;
  for (std::size_t i = 0; i < files.size(); ++i) {
    const io::Path name = files[i].filename();
    if (i > 0) list += i + 1 == files.size() ? " and " : ", ";
    list += (one_folder ? name : folder(files[i]).filename() / name).string();
  }
  return list + (one_folder ? " differ in their endings only; expected one file of that name"
                            : " are files of one name in several folders; expected it in one of them alone");
}

/// What may be meant, when no mask is called `stem`. A slip of the pen is looked for while `searches` lasts: it
/// compares a name with all others, and where hundreds of files have no partner it is no slip.
template <class Files>
std::string no_partner(const std::string& stem, const char* what, const Files& others, Index& searches) {
  std::string near;
  // Names that begin with the stem stand right behind it.
  if (const auto longer = others.upper_bound(stem); longer != others.end() && longer->first.starts_with(stem)) {
    near = "; there is '" + longer->first + "' (masks whose names are longer than the images' need a suffix)";
  } else if (searches > 0 && others.size() <= 2000) {
    --searches;
    std::vector<std::string> known;
    for (const auto& [other, files] : others) known.push_back(other);
    near = suggestion(stem, known);
  }
  return message("has no ", what, ": expected a file named '", stem, "' with any ending", near);
}

}  // namespace detail

/// Pairs the pictures of two folders by their stems. Files whose endings are no pictures', and those whose names start
/// with a dot, take no part. Throws IoError when a folder cannot be read.
template <class Options = PairingOptions>
Pairing pair_files(const io::Path& images, const io::Path& masks, const Options& options = {}) {
  Pairing result;
  const bool chosen_by_name = !options.image_suffix.empty();
  auto from = detail::pictures_in(images, result, options.subfolders, options.image_suffix);
  const auto to = detail::pictures_in(masks, result, options.subfolders, chosen_by_name ? options.mask_suffix : "");
  const std::string behind = chosen_by_name ? "" : options.mask_suffix;  // of a mask's stem in `to`
  if (!options.stems.empty()) {
    decltype(from) chosen;
    for (const std::string& stem : options.stems) {
      if (const auto found = from.find(stem); found != from.end())
        chosen.insert(*found);
      else
        result.bad.push_back({images / stem, "is in the list of images and not in the folder"});
    }
    from = std::move(chosen);
  }
  std::map<std::string, bool> used;
  Index searches = 10;
  for (const auto& [stem, files] : from) {
    const auto mask = to.find(stem + behind);
    if (mask != to.end()) used[mask->first] = true;
    if (files.size() > 1)
      result.bad.push_back({files[0], detail::same_stem(files)});
    else if (mask == to.end())
      result.bad.push_back({files[0], detail::no_partner(stem + options.mask_suffix, "mask", to, searches)});
    else if (mask->second.size() > 1)
      result.bad.push_back({mask->second[0], detail::same_stem(mask->second)});
    else
      result.pairs.push_back({stem, files[0], mask->second[0]});
  }
  for (const auto& [stem, files] : to) {
    if (used.contains(stem) || !options.stems.empty()) continue;
    const std::string wanted = stem.ends_with(behind) ? stem.substr(0, stem.size() - behind.size()) : stem;
    result.bad.push_back({files[0], detail::no_partner(wanted + options.image_suffix, "image", from, searches)});
  }
  return result;
}

/// The stems that a list names, one per line; an ending is cut off, and so are blanks around a name, and empty lines.
/// Names are bytes, as the system has them; byte order marks and line ends are taken as io::plain_text does. `origin`
/// is the file's name for messages. Throws FormatError as io::plain_text does, when a line names no file, and when
/// there is none.
template <class Text = std::string>
std::vector<std::string> parse_stem_list(const Text& written, const std::string& origin) {
  const std::string text = io::plain_text(written, origin);
  std::vector<std::string> stems;
  io::each_line(text, [&](std::string_view line, Index number) {
    const io::Path name(line);
    stems.push_back(detail::picture_name(name) ? name.stem().string() : name.filename().string());
    check<FormatError>(!stems.back().empty(), origin.c_str(), "line ", number, " is '", excerpt(line),
                       "', which names no file");
  });
  check<FormatError>(!stems.empty(), origin.c_str(), "names no image");
  return stems;
}

/// Reads a list file; throws as parse_stem_list and io::read_text.
template <class File = io::Path>
std::vector<std::string> read_stem_list(const File& path) {
  return parse_stem_list(io::read_text(path), io::Path(path).string());
}

/// The folders of one part of a data set.
struct PartFolders {
  std::string part;
  io::Path images, masks;
  std::vector<std::string> stems{};  ///< the images of the part, of those in the folder; empty: all
  /// As in PairingOptions; of the set, where nothing else is asked for.
  std::string image_suffix{}, mask_suffix{};
  bool subfolders = false;
};

/// The parts of a data set in the layout of the PaSeR reference code: `train_images` and `train_label` in one folder,
/// and likewise `validation_` and `test_`. Parts that are absent are left out. Throws IoError when one of the two
/// folders of a part is missing, or all are.
template <class Folder = io::Path>
std::vector<PartFolders> paser_layout(const Folder& root) {
  std::vector<PartFolders> parts;
  for (const std::string part : {"train", "validation", "test"}) {
    const io::Path images = io::Path(root) / (part + "_images"), masks = io::Path(root) / (part + "_label");
    const bool has_images = std::filesystem::is_directory(images), has_masks = std::filesystem::is_directory(masks);
    check<IoError>(has_images == has_masks, "data", io::quoted(has_images ? masks : images), " is missing, ",
                   io::quoted(has_images ? images : masks), " is there");
    if (has_images) parts.push_back({part, images, masks});
  }
  check<IoError>(
      !parts.empty(), "data", io::quoted(root),
      " has none of the folders train_images, validation_images, test_images, nor images and masks, nor leftImg8bit "
      "and gtFine");
  return parts;
}

}  // namespace paser::data
#include "paser/core/macros_on.inc"
