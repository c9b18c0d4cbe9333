#include "paser/data/pairs.hpp"

#include <catch2/catch.hpp>
#include <chrono>
#include <fstream>

#include "support/tiny_data.hpp"

namespace pairs_test {

using namespace paser;
using Catch::Matchers::Contains;

/// A file whose content is of no account.
void touch(const std::filesystem::path& file) {
  std::ofstream(file).put('x');
}

double seconds(const auto& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

Index count_with(const data::Pairing& pairing, const std::string& text) {
  return std::ranges::count_if(pairing.bad,
                               [&](const data::BadFile& bad) { return bad.reason.find(text) != std::string::npos; });
}

TEST_CASE("pairs: a file without a partner is told which other one may be meant") {
  const tiny::DataFolder f;
  for (const char* image : {"cell.png", "scna.png", "z.png"}) touch(f.images / image);
  for (const char* mask : {"cell_a.png", "cell_mask.png", "scan.png", "zz.png"}) touch(f.masks / mask);
  const data::Pairing pairing = data::pair_files(f.images, f.masks);
  CHECK(pairing.pairs.empty());
  REQUIRE(pairing.bad.size() == 7);
  CHECK_THAT(pairing.bad[0].reason, Contains("has no mask: expected a file named 'cell' with any ending; there is "
                                             "'cell_a' (masks whose names are longer than the images' need a suffix)"));
  CHECK_THAT(pairing.bad[1].reason, Contains("named 'scna' with any ending, did you mean 'scan'?"));
  CHECK_THAT(pairing.bad[2].reason, Contains("there is 'zz'"));
  CHECK_THAT(pairing.bad[5].reason, Contains("has no image: expected a file named 'scan' with any ending, did you"));
}

TEST_CASE("pairs: files of one name are told by their endings, or by their folders") {
  const tiny::DataFolder f;
  for (const char* city : {"a", "b", "c"})
    for (const auto& part : {f.images, f.masks}) std::filesystem::create_directories(part / city);
  for (const char* image : {"a/p.pgm", "b/p.pgm", "a/q.pgm", "a/q.png", "b/r.pgm", "a/s.pgm", "b/s.png", "c/s.pgm"})
    touch(f.images / image);
  for (const char* mask : {"a/p.pgm", "a/q.pgm", "b/r.pgm", "c/r.pgm", "a/s.pgm"}) touch(f.masks / mask);
  data::PairingOptions options;
  options.subfolders = true;
  const data::Pairing pairing = data::pair_files(f.images, f.masks, options);
  CHECK(pairing.pairs.empty());
  REQUIRE(pairing.bad.size() == 4);
  const std::string folders = " are files of one name in several folders; expected it in one of them alone";
  CHECK(pairing.bad[0].reason == "a/p.pgm and b/p.pgm" + folders);
  CHECK(pairing.bad[1].reason == "q.pgm and q.png differ in their endings only; expected one file of that name");
  CHECK(pairing.bad[2].reason == "b/r.pgm and c/r.pgm" + folders);
  CHECK(pairing.bad[3].reason == "a/s.pgm, b/s.png and c/s.pgm" + folders);
}

TEST_CASE("pairs: thousands of files without a partner are named at once") {
  const tiny::DataFolder f;
  // No name begins with another of the other folder, and none is near enough to be meant.
  for (Index i = 0; i < 5000; ++i) {
    touch(f.images / message("image_of_cell_", i, ".png"));
    touch(f.masks / message("mask_of_cell_", i, ".png"));
  }
  data::Pairing pairing;
  CHECK(seconds([&] { pairing = data::pair_files(f.images, f.masks); }) < 10);
  REQUIRE(pairing.bad.size() == 10'000);
  CHECK(pairing.bad[0].reason == "has no mask: expected a file named 'image_of_cell_0' with any ending");
  CHECK(pairing.bad[5000].reason == "has no image: expected a file named 'mask_of_cell_0' with any ending");
}

TEST_CASE("pairs: names near to another are looked for of the first files without a partner") {
  const tiny::DataFolder f;
  const std::string long_name(60, 'n');
  for (Index i = 1000; i < 1800; ++i) {
    touch(f.images / message(long_name, i, "i.png"));
    touch(f.masks / message(long_name, i, "m.png"));
  }
  data::Pairing pairing;
  CHECK(seconds([&] { pairing = data::pair_files(f.images, f.masks); }) < 20);
  CHECK(pairing.bad.size() == 1600);
  CHECK(count_with(pairing, "did you mean") == 10);
  CHECK_THAT(pairing.bad[0].reason, Contains("1000i' with any ending, did you mean"));
}

}  // namespace pairs_test
