#include "paser/experiment/dealt_files.hpp"

#include <catch2/catch.hpp>
#include <set>

#include "paser/experiment/folder_data.hpp"
#include "paser/io/image.hpp"
#include "support/temporary_folder.hpp"

namespace dealt_files_test {

using namespace paser;
using namespace paser::experiment;
using Catch::Matchers::Contains;
using Bytes = Tensor<std::uint8_t, 3>;

/// Training images without others, each of so many tiles of 8 x 8 side by side.
class Photographs {
 public:
  explicit Photographs(const std::vector<Index>& tiles) {
    for (const char* name : {"train_images", "train_label"}) std::filesystem::create_directories(folder / name);
    for (std::size_t i = 0; i < tiles.size(); ++i) {
      const std::string name = message("a", i, ".png");
      auto mask = Bytes::full({8, 8 * tiles[i], 1}, 0);
      std::fill_n(mask.mutable_data(), 20, std::uint8_t{1});
      io::write_png(folder / "train_images" / name, Bytes::full({8, 8 * tiles[i], 1}, 100));
      io::write_png(folder / "train_label" / name, mask);
    }
  }
  FolderSettings settings(const std::string& fit = "tiles") const {
    FolderSettings s;
    s.data = folder.path().string();
    s.fit = fit;
    if (fit != "whole") s.size = {8, 8};
    return s;
  }

  TemporaryFolder folder;
};

std::vector<std::string> names_of(const Folder& folder) {
  std::vector<std::string> names;
  for (Index i = 0; i < folder.size(); ++i) names.push_back(folder.info(i).name);
  return names;
}

/// The files of each part, and that no file is in two of them.
std::vector<std::set<std::string>> files_apart(const FolderData& data) {
  std::vector<std::set<std::string>> parts;
  std::set<std::string> all;
  std::size_t count = 0;
  const auto add = [&](const Folder& folder) {
    const auto names = names_of(folder);
    parts.emplace_back(names.begin(), names.end());
    all.insert(names.begin(), names.end());
    count += parts.back().size();
  };
  add(data.validation());
  for (const std::size_t stage : {1u, 2u, 3u})
    if (stage == 1 || data.in_thirds()) add(data.plain(stage));
  CHECK(all.size() == count);
  return parts;
}

TEST_CASE("tiles of one photograph all go to one part of a run, whatever is drawn") {
  const Photographs many(std::vector<Index>(12, 5)), uneven({1, 9, 2, 30, 1, 4, 3});
  for (std::uint64_t seed = 1; seed <= 8; ++seed)
    for (const bool thirds : {false, true}) {
      CAPTURE(seed, thirds);
      FolderSettings s = many.settings();
      s.seed = seed;
      const FolderData data(s, thirds);
      CHECK(data.validation().size() == 10);  // a tenth of 60 tiles are six, of two photographs
      const auto files = files_apart(data);
      CHECK(files[0].size() == 2);
      CHECK(data.all_varied().size() == 50);
      if (thirds) CHECK((files[1].size() == 4 && files[2].size() == 3 && files[3].size() == 3));
      s = uneven.settings();
      s.seed = seed;
      const FolderData other(s, thirds);
      CHECK(other.validation().size() >= 5);
      CHECK(other.validation().size() + other.all_varied().size() == 50);
      for (const auto& part : files_apart(other)) CHECK_FALSE(part.empty());
    }
}

TEST_CASE("a photograph that has most of the tiles leaves others to train on") {
  const Photographs two({1, 40}), four({50, 1, 1, 1});
  for (std::uint64_t seed = 1; seed <= 8; ++seed) {
    CAPTURE(seed);
    FolderSettings s = two.settings();
    s.seed = seed;
    CHECK(files_apart(FolderData(s))[1].size() == 1);
    s = four.settings();
    s.seed = seed;
    for (const auto& part : files_apart(FolderData(s, true))) CHECK(part.size() == 1);
    s.train_images = 2;
    const FolderData few(s);
    CHECK(few.all_varied().size() == 2);
    files_apart(few);
  }
}

TEST_CASE("too few photographs to be apart are refused with what would help") {
  const Photographs one({12}), three({12, 12, 12});
  CHECK_THROWS_AS(FolderData(one.settings()), ValueError);
  CHECK_THROWS_WITH(FolderData(one.settings()), Contains("there is one file to train on") &&
                                                    Contains("give validation images in folders of their own"));
  CHECK_THROWS_WITH(FolderData(three.settings(), true),
                    Contains("there are 2 files to train on, expected at least one for each of three stages"));
  for (const auto& [from, to] : {std::pair{"train_images", "validation_images"}, {"train_label", "validation_label"}})
    std::filesystem::copy(one.folder / from, one.folder / to);
  CHECK(FolderData(one.settings()).all_varied().size() == 12);
  CHECK_THROWS_WITH(FolderData(one.settings(), true), Contains("there is 1 file to train on"));
}

TEST_CASE("tiles that all go to one part are drawn one by one, from all photographs") {
  const Photographs set({6, 6, 6});
  for (const auto& [from, to] : {std::pair{"train_images", "validation_images"}, {"train_label", "validation_label"}})
    std::filesystem::copy(set.folder / from, set.folder / to);
  FolderSettings s = set.settings();
  s.train_images = 9;
  const Folder tiles = FolderData(s).plain(1);
  const Folder all(set.folder / "train_images", set.folder / "train_label", reading(s, false));
  const auto order = permutation(Key{s.seed}.fold(11), 18);
  REQUIRE(tiles.size() == 9);
  for (Index i = 0; i < 9; ++i) CHECK(tiles.id(i) == all.id(order[static_cast<std::size_t>(i)]));
}

TEST_CASE("images that are not tiles are dealt one by one, in the order of the permutation") {
  const Photographs set(std::vector<Index>(23, 1));
  for (const std::string fit : {"whole", "crop", "tiles"})  // a photograph of one tile is an image, too
    for (const Index most : {0, 3, 4, 5, 17}) {
      CAPTURE(fit, most);
      FolderSettings s = set.settings(fit);
      s.grid = {2, 2};
      s.train_images = most;
      const FolderData plain(s), thirds(s, true);
      const auto order = permutation(Key{s.seed}.fold(11), 23);
      const Folder all(set.folder / "train_images", set.folder / "train_label", reading(s, false));
      const auto expected = [&](Index begin, Index end) {
        std::vector<std::string> names;
        for (Index i = begin; i < end; ++i) names.push_back(all.info(order[static_cast<std::size_t>(i)]).name);
        return names;
      };
      CHECK(names_of(plain.validation()) == expected(0, 2));
      const Index used = most > 0 ? most : 21;
      CHECK(names_of(plain.varied(1)) == expected(2, 2 + used));
      std::vector<Index> sizes = data::split_sizes(used, std::array{0.34, 0.33, 0.33});
      if (used == 3) sizes = {1, 1, 1};
      Index begin = 2;
      for (const std::size_t stage : {1u, 2u, 3u}) {
        CHECK(names_of(thirds.plain(stage)) == expected(begin, begin + sizes[stage - 1]));
        begin += sizes[stage - 1];
      }
      CHECK(names_of(thirds.all_varied()) == expected(2, 2 + used));
    }
}

}  // namespace dealt_files_test
