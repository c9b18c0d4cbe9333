#include <catch2/catch.hpp>

#include "paser/core/parallel.hpp"
#include "paser/data/synthetic/generator.hpp"

using namespace paser;
using Catch::Matchers::Contains;
using data::ElectrodeParameters;

namespace {

/// A small electrode, quick to make.
ElectrodeParameters small() {
  ElectrodeParameters p;
  p.height = 64;
  p.width = 80;
  p.radius = {5, 9};
  return p;
}

bool same(const data::Electrodes& a, Index i, const data::Electrodes& b, Index k) {
  const Index pixels = a.images.shape()[1] * a.images.shape()[2];
  return std::equal(a.images.data() + i * pixels, a.images.data() + (i + 1) * pixels, b.images.data() + k * pixels) &&
         std::equal(a.labels.data() + i * pixels, a.labels.data() + (i + 1) * pixels, b.labels.data() + k * pixels);
}

/// FNV-1a over images and labels.
std::uint64_t hash(const data::Electrodes& e) {
  std::uint64_t h = 14695981039346656037ull;
  const auto add = [&](std::uint64_t v) { h = (h ^ v) * 1099511628211ull; };
  for (const std::uint8_t v : e.images.values()) add(v);
  for (const std::int32_t v : e.labels.values()) add(static_cast<std::uint64_t>(v));
  return h;
}

}  // namespace

TEST_CASE("synthetic electrode: image k depends on key, number and parameters alone") {
  const Key key{11};
  const auto batch = data::make_electrodes(key, 0, 5, small());
  CHECK(batch.images.shape() == Shape<3>{5, 64, 80});
  CHECK(batch.labels.shape() == Shape<3>{5, 64, 80});
  for (const int n : {1, 2, 3}) {
    set_threads(n);
    const auto again = data::make_electrodes(key, 0, 5, small());
    for (Index i = 0; i < 5; ++i) CHECK(same(batch, i, again, i));
  }
  set_threads(0);
  CHECK(same(batch, 3, data::make_electrodes(key, 3, 1, small()), 0));
  CHECK_FALSE(same(batch, 3, batch, 2));
  CHECK_FALSE(same(batch, 3, data::make_electrodes(Key{12}, 3, 1, small()), 0));
  ElectrodeParameters noisier = small();
  noisier.noise.high = 0.05f;
  const auto other = data::make_electrodes(key, 3, 1, noisier);
  CHECK_FALSE(same(batch, 3, other, 0));
  // Each step draws from a key of its own: other noise leaves the structure as it is.
  CHECK(std::equal(other.labels.values().begin(), other.labels.values().end(), batch.labels.data() + 3 * 64 * 80));
  CHECK(data::make_electrodes(key, 0, 0, small()).images.numel() == 0);
}

TEST_CASE("synthetic electrode: the bits are those of every machine") {
  CHECK(data::electrode_recipe == 1);  // change it with the numbers below
  CHECK(hash(data::make_electrodes(Key{1}, 0, 6, small())) == 0xd36f18d5c94cc93full);
  ElectrodeParameters coarse = small();
  coarse.radius = {14, 30};
  coarse.voids = coarse.cracked.high = 1;
  CHECK(hash(data::make_electrodes(Key{2}, 0, 6, coarse)) == 0xc41e72c54a7b38c2ull);
}

TEST_CASE("synthetic electrode: the classes have about their shares, and gray values that tell them apart in part") {
  ElectrodeParameters p;
  p.height = 112;
  p.width = 128;
  const auto e = data::make_electrodes(Key{5}, 0, 24, p);
  double count[3] = {}, gray[3] = {};
  for (Index i = 0; i < e.labels.numel(); ++i) {
    const auto k = static_cast<std::size_t>(e.labels.data()[i]);
    REQUIRE(k < 3);
    count[k] += 1;
    gray[k] += e.images.data()[i];
  }
  const auto all = static_cast<double>(e.labels.numel());
  CHECK(count[0] / all == Approx(0.037).margin(0.02));
  CHECK(count[1] / all == Approx(0.103).margin(0.035));
  CHECK(count[2] / all == Approx(0.860).margin(0.04));
  for (std::size_t k = 0; k < 3; ++k) gray[k] /= count[k];
  CHECK(gray[1] > gray[0] + 8);
  CHECK(gray[2] > gray[1] + 50);
}

TEST_CASE("synthetic electrode: the knobs turn what they name") {
  const auto share = [](const ElectrodeParameters& p, std::int32_t k) {
    const auto e = data::make_electrodes(Key{8}, 0, 6, p);
    return static_cast<double>(std::ranges::count(e.labels.values(), k)) / static_cast<double>(e.labels.numel());
  };
  ElectrodeParameters porous = small(), binder = small();
  porous.pore_share = 0.12f;
  binder.carbon_share = 0.22f;
  CHECK(share(porous, 0) > 2 * share(small(), 0));
  CHECK(share(binder, 1) > 1.5 * share(small(), 1));

  const auto unlike_neighbours = [](const ElectrodeParameters& p) {
    const auto e = data::make_electrodes(Key{8}, 0, 6, p);
    Index unlike = 0;
    for (Index i = 1; i < e.labels.numel(); ++i) unlike += e.labels.data()[i] != e.labels.data()[i - 1];
    return unlike;
  };
  ElectrodeParameters coarse = small();
  coarse.radius = {18, 24};
  CHECK(unlike_neighbours(coarse) < unlike_neighbours(small()));

  // Without anything that the detector adds, and in focus, a class has few gray values.
  ElectrodeParameters clear = small();
  clear.noise = {0.0001f, 0.0001f};
  clear.rings = clear.drift = clear.streaks = clear.cupping = {0, 0};
  const auto roughness = [](const ElectrodeParameters& p) {
    const auto e = data::make_electrodes(Key{8}, 0, 6, p);
    double sum = 0;
    for (Index i = 1; i < e.images.numel(); ++i) sum += std::abs(e.images.data()[i] - e.images.data()[i - 1]);
    return sum;
  };
  ElectrodeParameters noisy = small();
  noisy.noise = {0.06f, 0.06f};
  CHECK(roughness(clear) < roughness(noisy));
}

TEST_CASE("synthetic electrode: nonsense is refused by name") {
  const auto make = [](auto&& change) {
    ElectrodeParameters p = small();
    change(p);
    return data::make_electrodes(Key{1}, 0, 1, p);
  };
  CHECK_THROWS_WITH(make([](auto& p) { p.height = 8; }), Contains("'height' is 8") && Contains("32 .. 4096"));
  CHECK_THROWS_WITH(make([](auto& p) { p.width = 5000; }), Contains("'width'"));
  CHECK_THROWS_WITH(make([](auto& p) {
                      p.radius = {9, 5};
                    }),
                    Contains("'radius' is 9 .. 5") && Contains("low end first"));
  CHECK_THROWS_WITH(make([](auto& p) { p.radius = {0, 5}; }), Contains("'radius'") && Contains("4 .. 200"));
  CHECK_THROWS_WITH(make([](auto& p) { p.pore_share = 0.5f; }), Contains("'pore_share' is 0.5"));
  CHECK_THROWS_WITH(make([](auto& p) { p.carbon_share = 0; }), Contains("'carbon_share'"));
  CHECK_THROWS_WITH(make([](auto& p) { p.grazed = {0, 1.5f}; }), Contains("'grazed'"));
  CHECK_THROWS_WITH(make([](auto& p) { p.blur = {std::nanf(""), 1}; }), Contains("'blur'"));
  CHECK_THROWS_WITH(make([](auto& p) { p.voids = std::nanf(""); }), Contains("'voids'"));
  CHECK_THROWS_AS(data::make_electrodes(Key{1}, -1, 1), ValueError);
  CHECK_THROWS_AS(data::make_electrodes(Key{1}, 0, -1), ValueError);
}

TEST_CASE("synthetic electrode: parameters at the ends of their ranges still make an electrode") {
  int made = 0;
  const ElectrodeParameters usual = small();
  ElectrodeParameters::visit(usual, [&]<class T>(const char* name, const T&) {
    if constexpr (!std::is_same_v<T, Index>) {
      const std::string wanted = name;
      const auto legal = data::synthetic::detail::legal_range(wanted);
      for (const float end : {legal.low, legal.high}) {
        ElectrodeParameters p = small();
        p.height = p.width = 32;
        ElectrodeParameters::visit(p, [&]<class U>(const char* other, U& value) {
          if (wanted != other) return;
          if constexpr (std::is_same_v<U, float>) value = end;
          if constexpr (std::is_same_v<U, data::synthetic::Range>) value = {end, end};
        });
        INFO(name << " = " << end);
        const auto e = data::make_electrodes(Key{4}, 0, 1, p);
        const auto [low, high] = std::ranges::minmax(e.labels.values());
        CHECK(low >= 0);
        CHECK(high <= 2);
        ++made;
      }
    }
  });
  CHECK(made > 60);
}
