#pragma once
#include "paser/core/macros_off.inc"

#include <algorithm>
#include <vector>

#include "paser/core/random.hpp"
#include "paser/data/folder.hpp"

/// How the images of a folder are dealt to the parts of a run.
namespace paser::experiment {

/// The images of a folder in an order by chance, dealt file by file (a page of a stack is a file): tiles of one
/// photograph are alike, and a part that judges must have none of a photograph that is trained on.
class DealtFiles {
 public:
  /// whole: as that; otherwise every image is dealt by itself, for what goes to one part alone.
  DealtFiles(Key key, const data::SegmentationFolder& folder, bool whole = true) {
    std::vector<std::vector<Index>> files;
    for (Index i = 0; i < folder.size(); ++i) {
      if (!whole || i == 0 || folder.info(i).id != folder.info(i - 1).id) files.emplace_back();
      files.back().push_back(i);
    }
    for (const Index file : permutation(key, static_cast<Index>(files.size())))
      files_.push_back(std::move(files[static_cast<std::size_t>(file)]));
  }

  /// How many files are left.
  Index files() const { return static_cast<Index>(files_.size() - next_); }
  /// How many images are left.
  Index images() const {
    Index count = 0;
    for (std::size_t i = next_; i < files_.size(); ++i) count += static_cast<Index>(files_[i].size());
    return count;
  }

  /// The images of the next file, and of as many after it as bring their number to `count`; of so few that `leave`
  /// files are left. `nearest`: without the last file where its greater part would be too many.
  std::vector<Index> take(Index count, Index leave, bool nearest = false) {
    std::vector<Index> images;
    while (next_ < files_.size() && (images.empty() || files() > leave)) {
      const std::vector<Index>& file = files_[next_];
      const Index missing = count - static_cast<Index>(images.size());
      if (!images.empty() && (missing <= 0 || (nearest && 2 * missing < static_cast<Index>(file.size())))) break;
      images.insert(images.end(), file.begin(), file.end());
      ++next_;
    }
    return images;
  }

  /// Leaves so many images at most, the first ones.
  void keep(Index count) {
    for (std::size_t i = next_; i < files_.size(); ++i) {
      files_[i].resize(std::min(files_[i].size(), static_cast<std::size_t>(count)));
      count -= static_cast<Index>(files_[i].size());
      if (files_[i].empty()) files_.resize(i);
    }
  }

 private:
  std::vector<std::vector<Index>> files_;
  std::size_t next_ = 0;
};

}  // namespace paser::experiment
#include "paser/core/macros_on.inc"
