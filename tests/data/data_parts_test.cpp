#include "paser/data/data_parts.hpp"

#include <catch2/catch.hpp>
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

}  // namespace data_parts_test
