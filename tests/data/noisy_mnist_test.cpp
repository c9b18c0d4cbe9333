#include "paser/data/noisy_mnist.hpp"

#include <catch2/catch.hpp>
#include <set>

#include "paser/io/safetensors.hpp"

using namespace paser;
using Catch::Matchers::Contains;

namespace {

/// Digits whose every pixel is drawn at random, so that no two are equal.
data::Digits fake(Key key, Index n) {
  return {uniform<float>(key, Shape{n, 28, 28}, 0, 256).cast<std::uint8_t>(), Tensor<std::uint8_t, 1>::zeros({n})};
}

const data::NoisyMnistOptions few_digits{
    .seed = 3, .pretrain = {6, 6, 6}, .policy = 10, .fine_tune = 9, .validation = 12, .test = 7};

std::array<Index, 3> kinds_of(const data::NoisyDigits& set) {
  std::array<Index, 3> count{};
  for (Index i = 0; i < set.size(); ++i) ++count[static_cast<std::size_t>(set.noise(i))];
  return count;
}

}  // namespace

TEST_CASE("noisy MNIST: no digit occurs twice, kinds are dealt equally, the key decides") {
  const auto train = fake(Key{1}, 60), test = fake(Key{2}, 9);
  const auto sets = data::NoisyMnist(train, test, few_digits);
  std::set<std::uint64_t> seen;
  Index total = 0;
  const auto note = [&](const data::NoisyDigits& set) {
    for (Index i = 0; i < set.size(); ++i) seen.insert(set.id(i));
    total += set.size();
  };
  for (std::size_t k = 0; k < 3; ++k) {
    note(sets.pretrain(k));
    CHECK(kinds_of(sets.pretrain(k))[k] == 6);
  }
  for (const auto* set : {&sets.policy(), &sets.fine_tune(), &sets.validation(), &sets.test()}) note(*set);
  CHECK(total == 18 + 10 + 9 + 12 + 7);
  CHECK(static_cast<Index>(seen.size()) == total);
  CHECK(kinds_of(sets.policy()) == std::array<Index, 3>{4, 3, 3});
  CHECK(kinds_of(sets.validation()) == std::array<Index, 3>{4, 4, 4});
  for (Index i = 0; i < sets.test().size(); ++i) CHECK((sets.test().id(i) >= 60 && sets.test().id(i) < 69));

  const auto all = sets.training();
  CHECK(all.size() == 18 + 10 + 9);
  CHECK(kinds_of(all) == std::array<Index, 3>{6 + 4 + 3, 6 + 3 + 3, 6 + 3 + 3});
  CHECK(all.id(0) == sets.pretrain(0).id(0));
  CHECK(all.id(36) == sets.fine_tune().id(8));
  CHECK(max_abs_difference(all.range(20, 21).images, sets.policy().range(2, 3).images) == 0);

  const auto again = data::NoisyMnist(train, test, few_digits);
  const auto second = sets.validation(1);
  CHECK(second.size() == 4);
  CHECK(kinds_of(second)[1] == 4);
  for (Index i = 0; i < 4; ++i) CHECK(second.id(i) == sets.validation().id(3 * i + 1));
  auto options = few_digits;
  options.seed = 4;
  const data::NoisyMnist other(train, test, options);
  const auto ids = [](const data::NoisyDigits& s) { return s.range(0, s.size()).ids; };
  CHECK(ids(again.validation()) == ids(sets.validation()));
  CHECK(ids(other.validation()) != ids(sets.validation()));

  options = few_digits;
  options.shared = true;
  options.pretrain = {30, 30, 30};  // more than there are when no digit occurs twice
  const auto shared = data::NoisyMnist(train, test, options);
  CHECK(ids(shared.pretrain(0)) == ids(shared.pretrain(2)));
  for (const auto id : ids(shared.policy())) CHECK(std::ranges::count(ids(shared.pretrain(0)), id) == 1);
  for (const auto id : ids(shared.validation())) CHECK(std::ranges::count(ids(shared.pretrain(0)), id) == 0);
}

TEST_CASE("noisy MNIST: images, masks and kinds of a batch") {
  const auto train = fake(Key{1}, 60), test = fake(Key{2}, 9);
  const auto sets = data::NoisyMnist(train, test, few_digits);
  const auto& set = sets.policy();
  const std::vector<Index> numbers{7, 0, 5, 2, 4};
  const auto batch = set.rows(numbers);
  REQUIRE(batch.images.shape() == Shape{5, 32, 32, 1});
  REQUIRE(batch.labels.shape() == Shape{5, 32, 32});
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    const auto digit = static_cast<Index>(batch.ids[i]), n = static_cast<Index>(i);
    CHECK(batch.kinds[i] == numbers[i] % 3);
    auto clean = Tensor<std::uint8_t, 3>::zeros({1, 32, 32});
    std::uint8_t* to = clean.mutable_data();
    for (Index y = 0; y < 28; ++y)
      for (Index x = 0; x < 28; ++x) to[(y + 2) * 32 + x + 2] = train.images(digit, y, x);
    const auto blurred = data::blur(clean, set.noise(numbers[i]));
    bool images_agree = true, labels_agree = true;
    for (Index y = 0; y < 32; ++y)
      for (Index x = 0; x < 32; ++x) {
        images_agree = images_agree && batch.images(n, y, x, 0) == static_cast<float>(blurred(0, y, x)) / 255;
        labels_agree = labels_agree && batch.labels(n, y, x) == (clean(0, y, x) >= 128 ? 1 : 0);
      }
    CHECK(images_agree);
    CHECK(labels_agree);
  }
  CHECK(set.rows(std::vector<Index>{}).size() == 0);
  CHECK_THROWS_WITH(set.rows(std::vector<Index>{10}), Contains("no image 10 in a set of 10"));
  CHECK_THROWS_AS(set.rows(std::vector<Index>{-1}), ValueError);

  // The same bits on any number of threads.
  set_threads(1);
  const auto one = set.range(0, 10);
  set_threads(4);
  CHECK(max_abs_difference(set.range(0, 10).images, one.images) == 0);
  set_threads(0);
}

TEST_CASE("noisy MNIST: the box blur is either of Pillow's two") {
  const auto f = io::read_safetensors(PASER_TEST_DATA "/fixtures/imaging.safetensors");
  const auto image = f.at("mnist_box2/image").cast<std::uint8_t, 3>();
  CHECK(max_abs_difference(data::blur(image, data::Noise::box),
                           f.at("mnist_kernelblur/output").cast<std::uint8_t, 3>()) == 0);
  CHECK(max_abs_difference(data::blur(image, data::Noise::box, data::BoxFilter::radius2),
                           f.at("mnist_box2/output").cast<std::uint8_t, 3>()) == 0);
  CHECK(max_abs_difference(data::blur(image, data::Noise::gaussian2),
                           f.at("mnist_gauss2/output").cast<std::uint8_t, 3>()) == 0);
  CHECK(data::box_from_name("box1") == data::BoxFilter::radius1);
  CHECK_THROWS_WITH(data::box_from_name("kernle"), Contains("did you mean 'kernel'?"));
  CHECK(std::string(data::name(data::Noise::gaussian2)) == "gaussian2");
}

TEST_CASE("noisy MNIST: too much asked for is refused") {
  const auto train = fake(Key{1}, 40), test = fake(Key{2}, 9);
  CHECK_THROWS_WITH(data::NoisyMnist(train, test, few_digits), Contains("49 images asked for, there are 40"));
  CHECK_THROWS_WITH(data::NoisyMnist(fake(Key{1}, 60), fake(Key{1}, 2), few_digits),
                    Contains("7 test images asked for, there are 2"));
  auto bad = few_digits;
  bad.foreground = 300;
  CHECK_THROWS_AS(data::NoisyMnist(fake(Key{1}, 60), test, bad), ValueError);
  bad = few_digits;
  bad.validation = -1;
  CHECK_THROWS_AS(data::NoisyMnist(fake(Key{1}, 60), test, bad), ValueError);
}

TEST_CASE("noisy MNIST: a training set of one class is refused") {
  const auto sets = [](std::uint8_t gray, int foreground, Index padding) {
    const data::Digits digits{Tensor<std::uint8_t, 3>::full({20, 8, 8}, gray), Tensor<std::uint8_t, 1>::zeros({20})};
    data::NoisyMnistOptions options;
    options.foreground = foreground;
    options.padding = padding;
    options.pretrain = {2, 2, 2};
    options.policy = options.fine_tune = options.validation = options.test = 3;
    return data::NoisyMnist(digits, digits, options);
  };
  for (const auto& [gray, foreground, padding] :
       {std::array{0, 128, 2}, {255, 256, 2}, {255, 0, 2}, {127, 128, 0}, {200, 128, 0}}) {
    INFO(gray << " " << foreground << " " << padding);
    CHECK_THROWS_WITH(sets(static_cast<std::uint8_t>(gray), foreground, padding), Catch::Contains("of one class"));
  }
  CHECK(sets(128, 128, 1).policy().size() == 3);  // the border is background
}

TEST_CASE("noisy MNIST: the paper's sizes on the real digits") {
  const io::Path folder = io::Path(PASER_TEST_DATA).parent_path() / "data" / "mnist";
  const data::NoisyMnist sets(folder);
  CHECK(sets.test().size() == 10000);
  const auto batch = sets.test().range(0, 600);
  const double foreground = static_cast<double>(std::ranges::count(batch.labels.values(), 1)) / (600 * 1024.0);
  CHECK(foreground > 0.06);
  CHECK(foreground < 0.11);
  // A blur moves light, it does not add any: the three kinds have the same mean.
  std::array<double, 3> mean{};
  for (Index i = 0; i < 600; ++i)
    for (Index p = 0; p < 1024; ++p)
      mean[static_cast<std::size_t>(batch.kinds[static_cast<std::size_t>(i)])] += batch.images.data()[i * 1024 + p];
  for (const double m : mean) CHECK(m / (200 * 1024.0) == Approx(0.1).margin(0.02));
}
