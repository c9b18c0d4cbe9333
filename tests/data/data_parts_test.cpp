#include "paser/data/data_parts.hpp"

#include <catch2/catch.hpp>
#include <chrono>
#include <fstream>
#include <set>

#include "support/temporary_folder.hpp"

namespace data_parts_test {

using namespace paser;
using Catch::Matchers::Contains;
using data::HashSplit;
namespace fs = std::filesystem;

std::vector<std::string> names(Index count) {
  std::vector<std::string> all;
  for (Index i = 0; i < count; ++i) all.push_back(message("scan_", i));
  return all;
}

std::string part_of(const HashSplit& split, const std::string& name) {
  for (std::size_t part = 0; part < 3; ++part)
    if (std::ranges::count(split.stems[part], name) > 0) return HashSplit::parts[part];
  return "none";
}

TEST_CASE("hash split: four fifths, a tenth and a tenth, and a name stays where it is when others come") {
  const HashSplit split = HashSplit::of(names(2000));
  CHECK(split.stems[0].size() + split.stems[1].size() + split.stems[2].size() == 2000);
  // Three deviations of a binomial number: 3 sqrt(2000 0.1 0.9) = 40.
  CHECK(std::abs(static_cast<Index>(split.stems[1].size()) - 200) < 40);
  CHECK(std::abs(static_cast<Index>(split.stems[2].size()) - 200) < 40);
  const HashSplit fewer = HashSplit::of(names(1000));
  for (const std::string& name : names(1000)) CHECK(part_of(fewer, name) == part_of(split, name));
  // The same on every machine and in every version: an image of the test must never come into a training.
  CHECK(HashSplit::place("scan_0") == 294);
  CHECK(HashSplit::place("") == 255);
}

TEST_CASE("hash split: the places 0 .. 99 are the test's, 100 .. 199 the validation's") {
  const std::pair<Index, const char*> wanted[] = {{0, "test"},         {99, "test"},   {100, "validation"},
                                                  {199, "validation"}, {200, "train"}, {999, "train"}};
  const auto all = names(20'000);
  const HashSplit split = HashSplit::of(all);
  for (const auto& [place, part] : wanted) {
    CAPTURE(place);
    const auto name = std::ranges::find(all, place, &HashSplit::place);
    REQUIRE(name != all.end());
    CHECK(part_of(split, *name) == part);
  }
}

TEST_CASE("hash split: of three images or more every part has one") {
  for (const Index count : {0, 1, 2})
    CHECK(HashSplit::of(names(count)).stems[0].size() <= static_cast<std::size_t>(count));
  for (Index count = 3; count < 12; ++count) {
    const HashSplit split = HashSplit::of(names(count));
    for (const auto& stems : split.stems) CHECK_FALSE(stems.empty());
    std::set<std::string> all;
    for (const auto& stems : split.stems) all.insert(stems.begin(), stems.end());
    CHECK(all.size() == static_cast<std::size_t>(count));
  }
}

TEST_CASE("hash split: a part without images, training too, gets one of the largest part") {
  // Names by their places, which the test of a name's place holds fast.
  std::array<std::vector<std::string>, 3> of_part;
  for (const std::string& name : names(200)) {
    const Index at = HashSplit::place(name);
    of_part[at < 100 ? 2 : at < 200 ? 1 : 0].push_back(name);
  }
  for (std::size_t train = 0; train < 5; ++train)
    for (std::size_t validation = 0; validation < 5; ++validation)
      for (std::size_t test = 0; test < 5; ++test) {
        const std::array counts{train, validation, test};
        std::vector<std::string> given;
        for (std::size_t part = 0; part < 3; ++part)
          given.insert(given.end(), of_part[part].begin(), of_part[part].begin() + std::ptrdiff_t(counts[part]));
        if (given.size() < 3) continue;
        CAPTURE(train, validation, test);
        const HashSplit split = HashSplit::of(given);
        std::size_t moved = 0;
        for (std::size_t part = 0; part < 3; ++part) {
          CHECK_FALSE(split.stems[part].empty());
          for (const std::string& name : split.stems[part]) moved += std::ranges::count(of_part[part], name) == 0;
        }
        CHECK(split.stems[0].size() + split.stems[1].size() + split.stems[2].size() == given.size());
        CHECK(moved == static_cast<std::size_t>(std::ranges::count(counts, 0u)));
      }
  const std::vector<std::string> scans{"img_23010", "img_23011", "img_23012", "img_23013"};
  const auto first = HashSplit::of(scans).stems;
  CHECK((first[0].size() == 1 && first[1].size() == 1 && first[2].size() == 2));
  // The image that moves is the one whose place is next to the other part's.
  CHECK(HashSplit::place(first[1][0]) >= HashSplit::place(first[2][0]));
  CHECK(HashSplit::place(first[1][0]) >= HashSplit::place(first[2][1]));
  CHECK(HashSplit::of({"scan_0", "scan_1", "scan_2"}).stems == HashSplit::of(names(3)).stems);
}

TEST_CASE("data parts: the authors' folders as they are, images and masks divided, others refused") {
  const TemporaryFolder folder;
  const auto touch = [&](const fs::path& file) {
    fs::create_directories(file.parent_path());
    std::ofstream(file) << "x";
  };
  CHECK_THROWS_WITH(data::data_parts(folder.path()), Contains("nor images and masks"));
  for (int i = 0; i < 5; ++i) touch(folder / "plain/images" / (message("a", i) + ".png"));
  CHECK_THROWS_AS(data::data_parts(folder / "plain"), IoError);
  fs::create_directories(folder / "plain/masks");
  const auto parts = data::data_parts(folder / "plain");
  REQUIRE(parts.size() == 3);
  std::size_t images = 0;
  for (const auto& part : parts) images += part.stems.size();
  CHECK(images == 5);
  CHECK(parts[0].part == "train");
  CHECK(parts[2].images == folder / "plain/images");

  CHECK_THAT(data::divided_sentence(parts), Contains("by their names ") && Contains(" for test"));

  data::PairingOptions listed;
  data::restrict_to(listed, parts[0]);
  CHECK(listed.stems == parts[0].stems);
  listed.stems = {parts[1].stems[0], parts[0].stems[0]};
  data::restrict_to(listed, parts[0]);
  CHECK(listed.stems == std::vector{parts[0].stems[0]});
  CHECK_THROWS_AS(data::restrict_to(listed, parts[2]), ValueError);

  touch(folder / "plain/train_images/a.png");
  touch(folder / "plain/train_label/a.png");
  const auto given = data::data_parts(folder / "plain");
  REQUIRE(given.size() == 1);
  CHECK(given[0].stems.empty());
  CHECK(data::divided_sentence(given).empty());
  data::PairingOptions all;
  data::restrict_to(all, given[0]);
  CHECK(all.stems.empty());
}

TEST_CASE("data parts: a name in the list of images that no part has stays, and is told") {
  const TemporaryFolder folder;
  for (const char* kind : {"images", "masks"}) {
    fs::create_directories(folder / kind);
    for (const std::string& name : names(6)) std::ofstream(folder / kind / (name + ".png")) << "x";
  }
  const auto parts = data::data_parts(folder.path());
  REQUIRE(parts.size() == 3);
  for (const data::PartFolders& part : parts) {
    data::PairingOptions listed;
    listed.stems = {parts[0].stems[0], parts[1].stems[0], parts[2].stems[0], "scan_O"};
    data::restrict_to(listed, part, parts);
    CHECK(listed.stems == std::vector<std::string>{part.stems[0], "scan_O"});
    const auto pairing = data::pair_files(part.images, part.masks, listed);
    CHECK(pairing.pairs.size() == 1);
    REQUIRE(pairing.bad.size() == 1);
    CHECK_THAT(pairing.bad[0].reason, Contains("in the list of images and not in the folder"));
    data::PairingOptions whole;
    data::restrict_to(whole, part, parts);
    CHECK(whole.stems == part.stems);
  }
}

TEST_CASE("data parts: a long list of images is compared with a large part at once") {
  const auto all = names(100'000);
  data::PartFolders part{"train", "images", "masks", {all.begin(), all.begin() + 80'000}};
  data::PairingOptions listed;
  listed.stems = {all.rbegin(), all.rbegin() + 21'000};
  const auto start = std::chrono::steady_clock::now();
  data::restrict_to(listed, part);
  // Every name with every other would take minutes.
  CHECK(std::chrono::steady_clock::now() - start < std::chrono::seconds(10));
  REQUIRE(listed.stems.size() == 1000);
  CHECK(listed.stems.front() == "scan_79999");
  CHECK(listed.stems.back() == "scan_79000");
}

TEST_CASE("data parts: Cityscapes as it is downloaded, its val being the test, its other files left alone") {
  const TemporaryFolder folder;
  const auto touch = [&](const fs::path& file) {
    fs::create_directories((folder / "city" / file).parent_path());
    std::ofstream(folder / "city" / file) << "x";
  };
  for (const char* frame : {"train/ulm/ulm_000000_000019", "train/bonn/bonn_000001_000019",
                            "val/jena/jena_000000_000019", "test/berlin/berlin_000000_000019"}) {
    touch("leftImg8bit/" + std::string(frame) + "_leftImg8bit.png");
    for (const char* kind : {"labelIds.png", "color.png", "instanceIds.png", "polygons.json"})
      touch("gtFine/" + std::string(frame) + "_gtFine_" + kind);
  }
  const auto parts = data::data_parts(folder / "city");
  REQUIRE(parts.size() == 2);
  CHECK((parts[0].part == "train" && parts[1].part == "test"));
  CHECK(data::divided_sentence(parts).empty());
  const auto pairs_of = [&](const data::PartFolders& part, data::PairingOptions options = {}) {
    data::restrict_to(options, part);
    return data::pair_files(part.images, part.masks, options);
  };
  const auto train = pairs_of(parts[0]);
  CHECK(train.bad.empty());
  REQUIRE(train.pairs.size() == 2);
  CHECK(train.pairs[0].stem == "bonn_000001_000019");
  CHECK(train.pairs[0].image == folder / "city/leftImg8bit/train/bonn/bonn_000001_000019_leftImg8bit.png");
  CHECK(train.pairs[0].mask == folder / "city/gtFine/train/bonn/bonn_000001_000019_gtFine_labelIds.png");
  CHECK(train.pairs[1].stem == "ulm_000000_000019");
  CHECK(pairs_of(parts[1]).pairs.at(0).stem == "jena_000000_000019");
  // Masks of another kind are asked for by their suffix, images by a list.
  CHECK(pairs_of(parts[0], {"_gtFine_color", {"ulm_000000_000019"}}).pairs.at(0).mask.filename() ==
        "ulm_000000_000019_gtFine_color.png");

  fs::remove(folder / "city/gtFine/train/ulm/ulm_000000_000019_gtFine_labelIds.png");
  touch("gtFine/train/ulm/ulm_000001_000019_gtFine_labelIds.png");
  const auto broken = pairs_of(parts[0]);
  REQUIRE(broken.bad.size() == 2);
  CHECK_THAT(broken.bad[0].reason, Contains("has no mask") && Contains("'ulm_000000_000019_gtFine_labelIds'"));
  CHECK_THAT(broken.bad[1].reason, Contains("has no image") && Contains("'ulm_000001_000019_leftImg8bit'"));
  fs::remove_all(folder / "city/gtFine/train");
  CHECK(data::data_parts(folder / "city").size() == 1);
  fs::remove_all(folder / "city/leftImg8bit/val");
  CHECK_THROWS_WITH(data::data_parts(folder / "city"), Contains("has neither a folder train nor val"));
}

}  // namespace data_parts_test
