#include "paser/pipeline/routing/domain.hpp"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "paser/core/random.hpp"
#include "paser/pipeline/routing/calibration.hpp"

using namespace paser;
using namespace paser::pipeline;

namespace domain_test {

namespace {

/// Images of three numbers each: independent normal ones about `mean`, the last of them always 1.
Tensor<double, 2> drawn(Key key, Index n, double mean) {
  Tensor<double, 2> x({n, 3});
  for (Index i = 0; i < n * 3; ++i) {
    const auto at = static_cast<std::uint64_t>(2 * i);
    const double radius = std::sqrt(-2 * std::log(1 - key.uniform(at)));
    x.mutable_data()[i] = i % 3 == 2 ? 1 : mean + radius * std::cos(6.283185307179586 * key.uniform(at + 1));
  }
  return x;
}

}  // namespace

TEST_CASE("image statistics are means over the patches") {
  const auto s = Tensor<float, 3>::from({2, 2, 2}, {1, 10, 3, 20, 5, 30, 9, 50});
  const auto m = image_statistics(s);
  REQUIRE(m.shape() == Shape{2, 2});
  CHECK((m(0, 0) == 2 && m(0, 1) == 15 && m(1, 0) == 7 && m(1, 1) == 40));
}

TEST_CASE("a domain scores every image against the others") {
  // 0, 1, 2 and 7 in one number, and one that never varies. Without 7 the mean is 1 and the deviation sqrt(2/3).
  const auto d = domain_of(Tensor<double, 2>::from({4, 2}, {0, 5, 1, 5, 2, 5, 7, 5}));
  REQUIRE(d.images() == 4);
  CHECK(d.mean == std::vector<double>{2.5, 5});
  CHECK(d.deviation[0] == Approx(std::sqrt(7.25)));
  CHECK(d.scores.back() == Approx(36 / (2.0 / 3)));
  CHECK(std::is_sorted(d.scores.begin(), d.scores.end()));
  const double x[] = {5.5, 1e9};  // the number that does not vary is left out
  CHECK(d.distance(x) == Approx(9 / 7.25));
  const double both[] = {1, 4};
  CHECK(Domain{{0, 0}, {1, 2}, {}}.distance(both) == Approx((1.0 + 4.0) / 2));
  CHECK_THROWS_WITH(domain_of(Tensor<double, 2>({2, 2})), Catch::Contains("2 images, expected at least three"));
}

TEST_CASE("images of the same kind are hardly ever called others, shifted ones are found") {
  int wrong = 0, right = 0;
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    const Domain d = domain_of(drawn(Key{seed}.fold(0), 60, 0));
    const auto same = check_domain(d, drawn(Key{seed}.fold(1), 30, 0));
    CHECK(same.expected == Approx(3.0 / 61));
    wrong += same.other();
    right += check_domain(d, drawn(Key{seed}.fold(1), 30, 1.5)).other();
  }
  CHECK(wrong <= 8);  // 1 % of 200 are 2; the domain itself is drawn, too
  CHECK(right >= 180);
}

TEST_CASE("among many images a few more than expected are surely more, and still no other kind") {
  CHECK_FALSE(DomainCheck{.images = 1000, .unlike = 80, .expected = 0.05, .p = 1e-5}.other());
  CHECK(DomainCheck{.images = 1000, .unlike = 120, .expected = 0.05, .p = 1e-9}.other());
}

TEST_CASE("few calibration images say little, and NaN is unlike everything") {
  const Domain d = domain_of(drawn(Key{3}, 4, 0));
  auto one = drawn(Key{4}, 1, 100);
  const auto found = check_domain(d, one);
  CHECK((found.unlike == 1 && found.images == 1));
  CHECK(found.expected == Approx(0.2));
  CHECK(found.p == Approx(0.2));
  CHECK_FALSE(found.other());
  CHECK(check_domain(d, drawn(Key{4}, 4, 100)).other());  // 0.2^4
  one.mutable_data()[0] = std::nan("");
  CHECK(check_domain(d, one).unlike == 1);
  CHECK(check_domain(Domain{{0, 0, 0}, {1, 1, 1}, {}}, one).p == 1);
  CHECK_THROWS_AS(check_domain(d, Tensor<double, 2>({1, 2})), ShapeError);
}

TEST_CASE("a level is a share of images between none and all") {
  const Domain d = domain_of(drawn(Key{3}, 4, 0));
  const auto one = drawn(Key{4}, 1, 0);
  for (const double level : {0.0, -0.5, 1.0, 1e300, std::numeric_limits<double>::infinity(), std::nan("")})
    CHECK_THROWS_WITH(check_domain(d, one, level), Catch::Contains("expected a number between 0 and 1"));
  // Every rank of four images counts as far out, that of the nearest too.
  const auto all = check_domain(d, one, std::nextafter(1.0, 0.0));
  CHECK(all.expected == Approx(0.8));
}

TEST_CASE("the tail of a binomial distribution") {
  CHECK(pipeline::detail::binomial_tail(0, 5, 0.3) == 1);
  CHECK(pipeline::detail::binomial_tail(5, 5, 0.5) == Approx(1.0 / 32));
  CHECK(pipeline::detail::binomial_tail(2, 3, 0.25) == Approx(3 * 0.0625 * 0.75 + 0.015625));
}

TEST_CASE("a calibration keeps its domain in a file") {
  Calibration c{{{0.5, 0.6, 1, 1, {0.5, 0.5}}}, "images", 5, domain_of(drawn(Key{1}, 5, 2))};
  const auto back = nlohmann::json::parse(nlohmann::json(c).dump()).get<Calibration>();
  REQUIRE(back.domain);
  CHECK(back.domain->mean == c.domain->mean);
  CHECK(back.domain->scores == c.domain->scores);
  c.domain.reset();
  CHECK_FALSE(nlohmann::json(c).get<Calibration>().domain);
  nlohmann::json broken = nlohmann::json(back);
  broken["domain"]["deviation"] = {1};
  CHECK_THROWS_AS(broken.get<Calibration>(), FormatError);
}

TEST_CASE("a deviation or a score below 0 is refused: the one would leave its number out of every comparison") {
  const nlohmann::json domain = domain_of(drawn(Key{1}, 5, 2));
  for (const char* name : {"deviation", "scores"}) {
    nlohmann::json broken = domain;
    broken[name][0] = -1e-3;
    INFO(name);
    CHECK_THROWS_AS(broken.get<Domain>(), FormatError);
    CHECK_THROWS_WITH(broken.get<Domain>(), Catch::Contains("0 or more") && Catch::Contains("-0.001"));
  }
}

}  // namespace domain_test
