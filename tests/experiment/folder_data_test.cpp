#include "paser/experiment/folder_data.hpp"

#include <catch2/catch.hpp>

#include "paser/io/image.hpp"
#include "support/temporary_folder.hpp"

namespace folder_data_test {

using namespace paser;
using namespace paser::experiment;
using Catch::Matchers::Contains;
using Bytes = Tensor<std::uint8_t, 3>;

/// Twelve images of 8 x 8 in one piece, masks with 0 and 255 under other names.
class Set {
 public:
  Set() {
    std::filesystem::create_directories(folder / "set/images");
    std::filesystem::create_directories(folder / "set/masks");
    for (int i = 0; i < 12; ++i) {
      auto mask = Bytes::full({8, 8, 1}, 0);
      std::fill_n(mask.mutable_data(), 20, std::uint8_t{255});
      io::write_png(folder / "set/images" / message("a", i, ".png"), Bytes::full({8, 8, 1}, 100));
      io::write_png(folder / "set/masks" / message("a", i, "_mask.png"), mask);
    }
  }
  FolderSettings settings() const {
    FolderSettings s;
    s.data = (folder / "set").string();
    s.masks = "0:0,255:1";
    s.mask_suffix = "_mask";
    return s;
  }

  TemporaryFolder folder;
};

TEST_CASE("folder data: images and masks in one piece are divided by their names, the same from two folders") {
  const Set set;
  const auto parts = parts_of(set.settings());
  REQUIRE(parts.size() == 3);
  const FolderData data(set.settings());
  CHECK_THAT(data.division(), Contains("by their names "));
  CHECK(data.varied(1).size() == static_cast<Index>(parts[0].stems.size()));
  CHECK(data.validation().size() == static_cast<Index>(parts[1].stems.size()));
  REQUIRE(data.has_test());
  const Folder test = data.test();
  REQUIRE(test.size() == static_cast<Index>(parts[2].stems.size()));
  for (Index i = 0; i < test.size(); ++i) CHECK(std::ranges::count(parts[2].stems, test.info(i).name) == 1);
  CHECK(data.files().size() == 24);
  CHECK(data.files().contains("images/a0.png"));
  CHECK(data.files().contains("masks/a0_mask.png"));

  FolderSettings two = set.settings();
  two.data.clear();
  CHECK_THROWS_WITH(parts_of(two), Contains("--data"));
  two.images = (set.folder / "set/images").string();
  CHECK_THROWS_WITH(parts_of(two), Contains("belong together"));
  two.masks_folder = (set.folder / "set/masks").string();
  CHECK(FolderData(two).test().size() == test.size());
  two.data = "x";
  CHECK_THROWS_WITH(parts_of(two), Contains("in place of"));
}

TEST_CASE("folder data: a list chooses images, and a part that it leaves empty is not there") {
  const Set set;
  const auto parts = parts_of(set.settings());
  FolderSettings listed = set.settings();
  listed.list = (set.folder / "list.txt").string();
  io::write_file(listed.list, parts[0].stems[0] + "\n" + parts[0].stems[1] + ".png\n" + parts[1].stems[0] + "\n");
  const FolderData data(listed);
  CHECK(data.varied(1).size() == 2);
  CHECK(data.validation().size() == 1);
  CHECK_FALSE(data.has_test());
  CHECK(data.files().contains("the list of images"));
  CHECK(without_folders(listed).list == "list.txt");
  listed.mask_suffix = "_other";
  CHECK_THROWS_AS(FolderData(listed), FormatError);
}

}  // namespace folder_data_test
