#include "paser/experiment/folder_data.hpp"

#include <catch2/catch.hpp>
#include <fstream>

#include "examples/tiny_training.hpp"
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

TEST_CASE("folder data: what is remarkable about the images of each part is told with the part's name") {
  const Set set;
  FolderSettings s = set.settings();
  s.masks = "0:0,255:1,7:2";
  const auto told = FolderData(s).warnings();
  for (const char* part : {"train", "validation", "test"}) {
    INFO(part);
    CHECK(std::ranges::count(told, std::string(part) + " images: no pixel is of class 2 (class 2)") == 1);
  }
}

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

TEST_CASE("folder data: a range of values that a float cannot tell apart is refused by the setting's name") {
  FolderSettings s;
  CHECK_FALSE(value_range(s).has_value());
  s.value_range = {0.1, 0.2};
  CHECK(value_range(s)->high == 0.2);
  for (const double high : {0.1 + 1e-12, 0.1, 0.0}) {
    s.value_range = {0.1, high};
    CHECK_THROWS_WITH(value_range(s), Contains("value_range: [0.1, ") && Contains("expected a range that rises"));
  }
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
  for (const char* path : {"a/scans", "a/scans/", "a//scans/.", "b/../scans/x/.."}) CHECK(own_name(path) == "scans");
  CHECK(own_name(".") == std::filesystem::current_path().filename());
  listed.mask_suffix = "_other";
  CHECK_THROWS_AS(FolderData(listed), FormatError);
}

/// Six, two and three images of 32 x 32 in parts of their own.
struct PartedSet {
  PartedSet() { tiny::write_data_set(folder / "set"); }
  FolderSettings settings(bool skip_bad = false) const {
    FolderSettings s;
    s.data = (folder / "set").string();
    s.skip_bad = skip_bad;
    return s;
  }
  std::filesystem::path file(const std::string& name) const { return folder / "set" / name; }
  void cut(const std::string& name) const { std::filesystem::resize_file(file(name), 40); }

  TemporaryFolder folder;
};

TEST_CASE("folder data: what is wrong in any part is told at once, before anything is trained") {
  const PartedSet set;
  set.cut("train_label/im1.png");
  std::filesystem::remove(set.file("train_label/im2.png"));
  set.cut("validation_images/im0.png");
  set.cut("test_images/im2.png");
  io::write_png(set.file("test_label/im0.png"), Bytes::full({32, 32, 1}, 9));  // the classes are not known
  CHECK_THROWS_WITH(FolderData(set.settings()), Contains("train_label/im1.png") && Contains("train_images/im2.png") &&
                                                    Contains("has no mask") && Contains("validation_images/im0.png") &&
                                                    Contains("test_images/im2.png") && Contains("2 bad files") &&
                                                    Contains("1 bad file:") && !Contains("test_label/im0.png"));

  const PartedSet labels;
  io::write_png(labels.file("test_label/im1.png"), Bytes::full({32, 32, 1}, 9));
  CHECK_THROWS_WITH(FolderData(labels.settings()), Contains("test_label/im1.png") && Contains("9"));

  const PartedSet sizes;
  io::write_png(sizes.file("test_images/im1.png"), Bytes::full({40, 40, 1}, 9));
  io::write_png(sizes.file("test_label/im1.png"), Bytes::full({40, 40, 1}, 1));
  CHECK_THROWS_WITH(FolderData(sizes.settings()), Contains("test_images/im1.png") && Contains("40 x 40"));

  for (const std::string part : {"validation", "test"}) {
    const PartedSet ignored;
    for (const char* name : {"im0.png", "im1.png", "im2.png"})
      if (std::filesystem::exists(ignored.file(part + "_label/" + name)))
        io::write_png(ignored.file(part + "_label/" + name), Bytes::full({32, 32, 1}, 255));
    FolderSettings s = ignored.settings();
    s.masks = "0:0,1:1,255:ignore";
    CHECK_THROWS_WITH(FolderData(s), Contains(part + "_images") && Contains("no pixel has a class"));
  }
}

TEST_CASE("folder data: a list may name images of any part") {
  const PartedSet set;
  FolderSettings s = set.settings();
  s.list = (set.folder / "list.txt").string();
  std::ofstream(s.list) << "im0\nim2\nim5\n";
  const FolderData data(s);
  CHECK(data.all_varied().size() == 3);
  CHECK(data.validation().size() == 1);
  CHECK(data.test().size() == 2);
  std::ofstream(s.list) << "im4\nim5\nim3\n";
  CHECK_FALSE(FolderData(s).has_test());
  std::ofstream(s.list) << "im0\nim5\nim9\n";
  CHECK_THROWS_WITH(FolderData(s), Contains("im9: is in the list of images and not in the folder") && !Contains("im5"));
}

TEST_CASE("folder data: bad files are left out where that is asked for, and named") {
  const PartedSet set;
  const FolderData whole(set.settings(true));
  CHECK(whole.left_out().empty());
  set.cut("train_label/im1.png");
  set.cut("validation_images/im0.png");
  std::filesystem::remove(set.file("test_images/im2.png"));
  std::filesystem::create_directory(set.file("test_images/im2.png"));
  const FolderData data(set.settings(true));
  CHECK(data.varied(1).size() == 5);
  CHECK(data.validation().size() == 1);
  CHECK(data.test().size() == 2);
  std::vector<std::string> names;
  for (const auto& [file, reason] : data.left_out()) {
    CHECK(!reason.empty());
    names.push_back(std::filesystem::path(file).lexically_relative(set.folder / "set").generic_string());
  }
  CHECK(names == std::vector<std::string>{"test_images/im2.png", "train_label/im1.png", "validation_images/im0.png"});
  CHECK_THAT(left_out_sentence(data.left_out()),
             Contains("3 bad files are left out") && Contains("train_label/im1.png"));
  CHECK(sums_of(data.files()).size() == 21);
  // The images that are left keep the ids by which their random numbers are drawn.
  const auto id_of = [](const Folder& folder, const std::string& name) {
    for (Index i = 0; i < folder.size(); ++i)
      if (folder.info(i).name == name) return folder.id(i);
    throw ValueError(name);
  };
  for (const char* name : {"im0", "im2", "im5"})
    CHECK(id_of(data.all_varied(), name) == id_of(whole.all_varied(), name));
}

TEST_CASE("folder data: numbers of validation and test images hold for those that other parts lend, too") {
  const TemporaryFolder folder;
  for (const char* name : {"train_images", "train_label"}) {
    std::filesystem::create_directories(folder / name);
    for (int i = 0; i < 40; ++i)
      io::write_png(folder / name / message("a", i, ".png"), Bytes::full({8, 8, 1}, static_cast<std::uint8_t>(i % 2)));
  }
  FolderSettings s;
  s.data = folder.path().string();
  const auto names_of = [](const Folder& images) {
    std::vector<std::string> names;
    for (Index i = 0; i < images.size(); ++i) names.push_back(images.info(i).name);
    return names;
  };
  const FolderData all(s);
  REQUIRE(all.validation().size() == 4);
  CHECK(all.test().size() == 4);
  auto first = names_of(all.validation());
  first.resize(3);
  s.validation_images = 3;
  const FolderData some(s);
  CHECK(names_of(some.validation()) == first);
  CHECK(names_of(some.test()) == first);
  CHECK(names_of(some.plain(1)) == names_of(all.plain(1)));  // what is trained on is the same
  s.test_images = 2;
  first.resize(2);
  const FolderData fewer(s);
  CHECK(fewer.validation().size() == 3);
  CHECK(names_of(fewer.test()) == first);
  s.validation_images = s.test_images = 100;
  CHECK(names_of(FolderData(s).test()) == names_of(all.test()));
}

}  // namespace folder_data_test
