#include "paser/data/patches.hpp"

#include <catch2/catch.hpp>
#include <limits>

#include "paser/core/random.hpp"
#include "paser/data/split.hpp"
#include "paser/io/safetensors.hpp"
#include "paser/io/torch_layout.hpp"

using namespace paser;
using Catch::Matchers::Contains;

TEST_CASE("patches: the stored cut of PyTorch, and back") {
  const auto f = io::read_safetensors(PASER_TEST_DATA "/fixtures/method_state.safetensors");
  const data::PatchGrid grid{std::stol(f.metadata.at("patchify_b2.patches_vertical")),
                             std::stol(f.metadata.at("patchify_b2.patches_horizontal"))};
  const auto image = io::nhwc_from_nchw(f.at("patchify_b2/image").as<float, 4>());
  const auto expected = io::nhwc_from_nchw(f.at("patchify_b2/patches").as<float, 4>());
  CHECK(max_abs_difference(data::extract_patches(image, grid), expected) == 0);
  CHECK(max_abs_difference(data::assemble_patches(expected, grid), image) == 0);
}

TEST_CASE("patches: gather and scatter move the numbered patches only") {
  const data::PatchGrid grid{2, 3};
  const auto images = uniform<float>(Key{1}, Shape{2, 4, 9, 2});
  const std::vector<Index> which{7, 0, 11};
  const auto patches = data::gather_patches(images, grid, which);
  REQUIRE(patches.shape() == Shape{3, 2, 3, 2});
  CHECK(patches(0, 1, 2, 1) == images(1, 1, 5, 1));
  CHECK(patches(2, 0, 0, 0) == images(1, 2, 6, 0));
  auto target = Tensor<float, 4>::zeros(images.shape());
  const auto copy = target;
  data::scatter_patches(target, grid, which, patches);
  CHECK(target(1, 3, 8, 0) == images(1, 3, 8, 0));
  CHECK(target(0, 3, 8, 0) == 0);
  CHECK(std::ranges::count_if(target.values(), [](float v) { return v != 0; }) == 36);
  CHECK(std::ranges::all_of(copy.values(), [](float v) { return v == 0; }));

  Labels labels({2, 4, 9});
  std::iota(labels.mutable_data(), labels.mutable_data() + labels.numel(), 0);
  CHECK(data::gather_patches(labels, grid, which)(0, 1, 2) == labels(1, 1, 5));
  CHECK(max_abs_difference(data::assemble_patches(data::extract_patches(labels, grid), grid), labels) == 0);
  Labels all = Labels::zeros(labels.shape());
  std::vector<Index> every(12);
  std::iota(every.begin(), every.end(), Index{0});
  data::scatter_patches(all, grid, every, data::extract_patches(labels, grid));
  CHECK(max_abs_difference(all, labels) == 0);
  CHECK(data::gather_patches(labels, grid, std::vector<Index>{}).shape() == Shape{0, 2, 3});
}

TEST_CASE("patches: what does not divide is refused with a sentence") {
  const auto images = Tensor<float, 4>::zeros({1, 6, 8, 1});
  CHECK_THROWS_WITH(data::extract_patches(images, {4, 4}), Contains("height 6 does not divide into 4 patches"));
  CHECK_THROWS_WITH(data::extract_patches(images, {3, 3}), Contains("width 8 does not divide into 3 patches"));
  CHECK_THROWS_AS(data::extract_patches(images, {0, 1}), ShapeError);
  CHECK_THROWS_WITH(data::gather_patches(images, {2, 2}, std::vector<Index>{4}), Contains("patch 4 of 1 images"));
  CHECK_THROWS_AS(data::gather_patches(images, {2, 2}, std::vector<Index>{-1}), ValueError);
  CHECK_THROWS_WITH(data::assemble_patches(images, {2, 2}), Contains("1 patches are not whole images"));
  auto target = images;
  CHECK_THROWS_WITH(data::scatter_patches(target, {2, 2}, std::vector<Index>{1}, images),
                    Contains("patches (1,6,8,1), expected (1,3,4,1)"));
}

TEST_CASE("split: PyTorch's random_split is reproduced") {
  const auto f = io::read_safetensors(PASER_TEST_DATA "/fixtures/method_state.safetensors");
  for (const std::string name : {"split_1270", "split_1280"}) {
    const Index n = std::stol(f.metadata.at(name + ".n"));
    const std::vector<double> fractions{0.34, 0.33, 0.33};
    const auto sizes = f.at(name + "/sizes").as<std::int64_t, 1>();
    const auto order = f.at(name + "/permutation").as<std::int64_t, 1>();
    CHECK(std::ranges::equal(data::split_sizes(n, fractions), sizes.values()));
    CHECK(std::ranges::equal(data::torch_permutation(std::stoul(f.metadata.at(name + ".seed")), n), order.values()));
    const auto parts = data::torch_random_split(42, n, fractions);
    CHECK(parts[1].front() == order(sizes(0)));
    CHECK(parts[2].back() == order(n - 1));
  }
}

TEST_CASE("split: keyed parts are disjoint, complete, and depend on the key") {
  const std::vector<double> thirds{1.0 / 3, 1.0 / 3, 1.0 / 3};
  const auto parts = data::random_split(Key{4}, 11, thirds);
  CHECK((parts[0].size() == 4 && parts[1].size() == 4 && parts[2].size() == 3));
  std::vector<Index> all;
  for (const auto& p : parts) all.insert(all.end(), p.begin(), p.end());
  CHECK(all != data::cut(permutation(Key{5}, 11), std::vector<Index>{11})[0]);
  std::sort(all.begin(), all.end());
  for (Index i = 0; i < 11; ++i) CHECK(all[static_cast<std::size_t>(i)] == i);
  CHECK(data::random_split(Key{4}, 11, thirds) == parts);
  // Fractions that sum to more by rounding give no more items than there are.
  CHECK(data::split_sizes(10'000'000, std::vector<double>{0.5000004, 0.5000004}) ==
        std::vector<Index>{5'000'004, 4'999'996});
  CHECK(data::random_split(Key{4}, 10'000'000, std::vector<double>{0.5000004, 0.5000004})[1].size() == 4'999'996);
  CHECK(data::split_sizes(10'000'000, std::vector<double>{1, 0.0000009}) == std::vector<Index>{10'000'000, 0});
  CHECK(data::split_sizes(std::numeric_limits<Index>::max(), std::vector<double>{1})[0] ==
        std::numeric_limits<Index>::max());
  CHECK_THROWS_WITH(data::split_sizes(10, std::vector<double>{0.5, 0.4}), Contains("sum to 0.9"));
  CHECK_THROWS_AS(data::split_sizes(10, std::vector<double>{1.5, -0.5}), ValueError);
  CHECK_THROWS_AS(data::torch_permutation(0, -1), ValueError);
  CHECK_THROWS_AS(data::cut({1, 2}, std::vector<Index>{1}), ValueError);
}
