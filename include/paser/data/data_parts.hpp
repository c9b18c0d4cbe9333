#pragma once
#include "paser/core/macros_off.inc"

#include <array>
#include <optional>
#include <set>

#include "paser/core/random.hpp"
#include "paser/data/pairs.hpp"

/// The parts of a data set for training, validation and test.
namespace paser::data {

/// Images by their names, dealt to train, validation and test: of a hundred about 80, 10 and 10. Where a name goes
/// depends on it alone, so that it stays there when images are added, on every machine. The one exception: of three
/// images or more no part is empty, it gets the image that was next to go there, of training where that has two or
/// more, else of the largest part. Names in each part are in the order given.
struct HashSplit {
  std::array<std::vector<std::string>, 3> stems;
  static constexpr std::array<const char*, 3> parts{"train", "validation", "test"};

  /// The place of a name in a thousand: a random number whose key is its FNV-1a hash. Test is below 100, validation
  /// below 200.
  static Index place(std::string_view name) {
    std::uint64_t hash = 0xCBF29CE484222325u;
    for (const char c : name) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001B3u;
    return Key{hash}.uniform_int(0, 1000);
  }

  /// Divides these names.
  template <class Names = std::vector<std::string>>
  static HashSplit of(const Names& names) {
    HashSplit split;
    for (const std::string& name : names) {
      const Index at = place(name);
      split.stems[at < 100 ? 2 : at < 200 ? 1 : 0].push_back(name);
    }
    for (const std::size_t part : {2u, 1u, 0u})
      if (split.stems[part].empty() && names.size() >= 3) split.fill(part);
    return split;
  }

 private:
  /// Gives an empty part an image of another, which has two or more: the others hold three or more together.
  void fill(std::size_t part) {
    const auto largest = std::ranges::max_element(stems, {}, [](const auto& of_part) { return of_part.size(); });
    auto& giving = stems[0].size() > 1 ? stems[0] : *largest;
    // The places of training are the highest, those of the test the lowest.
    const bool lowest = &giving < &stems[part];
    const auto next =
        std::ranges::min_element(giving, {}, [&](const auto& name) { return lowest ? place(name) : -place(name); });
    stems[part].push_back(*next);
    giving.erase(next);
  }
};

/// The two folders of a set in one piece, `images` and `masks` in a folder; none where either is missing.
template <class Folder = io::Path>
std::optional<PartFolders> plain_layout(const Folder& root) {
  const io::Path images = io::Path(root) / "images", masks = io::Path(root) / "masks";
  if (!std::filesystem::is_directory(images) || !std::filesystem::is_directory(masks)) return {};
  return PartFolders{"all", images, masks, {}};
}

/// A set in one piece as the parts of HashSplit, those without images left out. Throws IoError when the folder of
/// images cannot be read or has none.
template <class Whole = PartFolders>
std::vector<PartFolders> divided(const Whole& whole) {
  Pairing ignored;
  std::vector<std::string> stems;
  for (const auto& [stem, files] : detail::pictures_in(whole.images, ignored)) stems.push_back(stem);
  check<IoError>(!stems.empty(), "divided", io::quoted(whole.images), " has no pictures");
  const HashSplit split = HashSplit::of(stems);
  std::vector<PartFolders> parts;
  for (std::size_t i = 0; i < split.stems.size(); ++i)
    if (!split.stems[i].empty()) parts.push_back({HashSplit::parts[i], whole.images, whole.masks, split.stems[i]});
  return parts;
}

/// The parts of Cityscapes (Cordts et al. 2016) as it is downloaded: leftImg8bit/train/CITY/*_leftImg8bit.png with
/// gtFine/train/CITY/*_gtFine_labelIds.png, and the same of "val", which is the test here, as it is in the literature:
/// the masks of its own test are not public. Validation is then left to the training images. None where the two folders
/// are not there. Throws IoError when neither part is in both.
template <class Folder = io::Path>
std::vector<PartFolders> cityscapes_layout(const Folder& root) {
  const io::Path images = io::Path(root) / "leftImg8bit", masks = io::Path(root) / "gtFine";
  std::vector<PartFolders> parts;
  if (!std::filesystem::is_directory(images) || !std::filesystem::is_directory(masks)) return parts;
  for (const auto& [part, name] : {std::pair{"train", "train"}, {"test", "val"}})
    if (std::filesystem::is_directory(images / name) && std::filesystem::is_directory(masks / name))
      parts.push_back({part, images / name, masks / name, {}, "_leftImg8bit", "_gtFine_labelIds", true});
  check<IoError>(!parts.empty(), "cityscapes_layout", io::quoted(root),
                 " has neither a folder train nor val in both leftImg8bit and gtFine");
  return parts;
}

/// The parts of a data set: those of paser_layout or of cityscapes_layout, or of a folder with `images` and `masks`
/// alone those of HashSplit. Throws IoError when the folder is none of these.
template <class Folder = io::Path>
std::vector<PartFolders> data_parts(const Folder& root) {
  if (auto parts = cityscapes_layout(root); !parts.empty()) return parts;
  const auto plain = plain_layout(root);
  return plain && !std::filesystem::is_directory(io::Path(root) / "train_images") ? divided(*plain)
                                                                                  : paser_layout(root);
}

/// What to say of a set that nobody has divided; empty where the parts are folders of their own.
template <class Parts = std::vector<PartFolders>>
std::string divided_sentence(const Parts& parts) {
  std::string text;
  for (const PartFolders& part : parts)
    if (!part.stems.empty()) text += message(text.empty() ? " " : ", ", part.stems.size(), " for ", part.part);
  return text.empty() ? text : "the images are not divided for training, validation and test: by their names" + text;
}

/// The names of a part's images, as a list of images has them.
template <class Part = PartFolders>
std::set<std::string> stems_of(const Part& part) {
  if (!part.stems.empty()) return {part.stems.begin(), part.stems.end()};
  Pairing ignored;
  std::set<std::string> stems;
  for (const auto& picture : detail::pictures_in(part.images, ignored, part.subfolders, part.image_suffix))
    stems.insert(picture.first);
  return stems;
}

/// Of the images that a pairing may use those of a part alone, under the names that they have there: those that another
/// of `all`, the parts of the set, has are left out. Names that no part has stay, so that they are told; without `all`
/// those stay that the part has, where it is a list. Throws ValueError when none is left.
template <class Part = PartFolders>
void restrict_to(PairingOptions& pairing, const Part& part, const std::vector<Part>& all = {}) {
  if (!pairing.stems.empty() && (!all.empty() || !part.stems.empty())) {
    const std::set<std::string> own = stems_of(part);
    std::set<std::string> others;
    for (const Part& other : all)
      if (other.part != part.part) others.merge(stems_of(other));
    std::erase_if(pairing.stems,
                  [&](const std::string& s) { return !own.contains(s) && (all.empty() || others.contains(s)); });
    check<ValueError>(!pairing.stems.empty(), "data", "the list of images names none of the part ", part.part);
  }
  pairing.image_suffix = part.image_suffix;
  pairing.subfolders = part.subfolders;
  if (pairing.mask_suffix.empty()) pairing.mask_suffix = part.mask_suffix;
  if (pairing.stems.empty()) pairing.stems = part.stems;
}

}  // namespace paser::data
#include "paser/core/macros_on.inc"
