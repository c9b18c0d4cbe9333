#include "paser/pipeline/routing/fitting/heads.hpp"

#include <catch2/catch.hpp>
#include <set>

#include "paser/pipeline/part_registry.hpp"
#include "support/same_bits.hpp"

using namespace paser;
using namespace paser::pipeline;
using Catch::Contains;

namespace router_test {

namespace {

constexpr Index features = 6, patches = 4;

/// Patches whose gains are a bent function of two statistics, with noise.
RouterExamples examples(Key key, Index images, double noise, Index experts = 1) {
  const Index rows = images * patches;
  RouterExamples e{uniform<float, 2>(key.fold(0), Shape<2>{rows, features}), Tensor<float, 2>({rows, experts}), {}};
  for (Index i = 0; i < rows; ++i) {
    const double a = e.statistics(i, 0), b = e.statistics(i, 1);
    for (Index k = 0; k < experts; ++k)
      e.gains.mutable_data()[i * experts + k] =
          static_cast<float>(1e-3 * ((k == 0 ? std::abs(2 * a - 1) * b : 1.6 * std::abs(2 * b - 1) * a) - 0.2 +
                                     noise * key.fold(1).normal(static_cast<std::uint64_t>(i * experts + k))));
    e.image.push_back(i / patches);
  }
  return e;
}

PolicyState<float> state_dict(const RouterExamples& e, Index models = 2) {
  PolicyState<float> s;
  const Index images = e.size() / patches;
  s.statistics = e.statistics.reshape(Shape<3>{images, patches, features});
  s.grid = {2, 2};
  s.models = models;
  s.ids.resize(static_cast<std::size_t>(images));
  return s;
}

/// What is gained beyond sending patches at random when they go in the order of these gains: the area between the curve
/// of the truth and its chord, as a share of the largest possible one.
double area(const RouterExamples& truth, const Tensor<float, 3>& gains) {
  const auto of = [&](auto order_by) {
    std::vector<Index> order(static_cast<std::size_t>(truth.size()));
    std::iota(order.begin(), order.end(), Index{0});
    std::sort(order.begin(), order.end(), [&](Index a, Index b) { return order_by(a) > order_by(b); });
    double all = 0, sum = 0, sent = 0, done = 0;
    for (const float g : truth.gains.values()) all += static_cast<double>(g);
    for (const Index i : order) {
      sum += static_cast<double>(truth.gains(i, 0));
      sent += 1;
      done += sum - all * sent / static_cast<double>(truth.size());
    }
    return done;
  };
  return of([&](Index i) { return gains.data()[i]; }) / of([&](Index i) { return truth.gains(i, 0); });
}

const RouterFit quick{.width = 16, .members = 3, .epochs = 200, .batch = 64};

}  // namespace

TEST_CASE("a gain router learns gains that no linear function of the statistics has") {
  const auto train = examples(Key{1}, 250, 0.2), test = examples(Key{2}, 200, 0);
  const auto router = fit_gain_router(train, {{0, 2.0}, 0}, patches, quick, Key{3});
  CHECK(area(test, router.gains(state_dict(test))) > 0.85);
  // In IoU, not in units: the mean over patches is that of the truth.
  double mean = 0, truth = 0;
  const auto gains = router.gains(state_dict(test));
  for (Index i = 0; i < test.size(); ++i) {
    mean += static_cast<double>(gains.data()[i]);
    truth += static_cast<double>(test.gains(i, 0));
  }
  CHECK(mean == Approx(truth).margin(0.1e-3 * static_cast<double>(test.size())));
}

TEST_CASE("a patch policy is trained at a temperature that is a positive number") {
  const auto train = examples(Key{1}, 20, 0);
  for (const double temperature :
       {0.0, -1.0, std::numeric_limits<double>::infinity(), std::numeric_limits<double>::quiet_NaN()})
    CHECK_THROWS_WITH(train_patch_policy(train, {{0, 2.0}, 0}, patches, quick, {.temperature = temperature}, Key{3}),
                      Catch::Contains("train_patch_policy: the temperature must be positive and finite, got "));
}

TEST_CASE("the policy gradient over many prices learns the order that the regression learns") {
  const auto train = examples(Key{1}, 250, 0.2), test = examples(Key{2}, 200, 0);
  const auto of = [&](const auto& router) { return area(test, router.gains(state_dict(test))); };
  const double regression = of(fit_gain_router(train, {{0, 2.0}, 0}, patches, quick, Key{3}));
  CHECK(of(train_patch_policy(train, {{0, 2.0}, 0}, patches, quick, {}, Key{3})) > 0.95 * regression);
  CHECK(of(train_patch_policy(train, {{0, 2.0}, 0}, patches, quick, {.exact = false}, Key{3})) > 0.5 * regression);
  // At one price no more is asked than on which side of it a patch lies.
  const double middle = 5e-5;
  auto one = train_patch_policy(train, {{0, 2.0}, middle}, patches, quick, {.one_price = middle}, Key{3});
  const auto actions = one.choose(state_dict(test), Key{});
  double worth = 0, best = 0;
  for (Index i = 0; i < test.size(); ++i) {
    const double net = static_cast<double>(test.gains(i, 0)) - 2 * middle;
    best += std::max(0.0, net);
    worth += actions.data()[i] * net;
  }
  CHECK(worth > 0.7 * best);
}

TEST_CASE("from noisy gains the policy learns as well as the regression, if it is judged by what it expects") {
  double regression = 0, policy = 0, by_routes = 0;
  for (const std::uint64_t seed : {1u, 2u, 3u}) {
    const auto train = examples(Key{seed}, 250, 0.8), test = examples(Key{9}, 200, 0);
    const auto of = [&](const auto& router) { return area(test, router.gains(state_dict(test))) / 3; };
    regression += of(fit_gain_router(train, {{0, 2.0}, 0}, patches, quick, Key{seed}));
    policy += of(train_patch_policy(train, {{0, 2.0}, 0}, patches, quick, {}, Key{seed}));
    by_routes +=
        of(train_patch_policy(train, {{0, 2.0}, 0}, patches, quick, {.judged_by_expectation = false}, Key{seed}));
  }
  INFO(regression << ", " << policy << ", " << by_routes);
  CHECK(policy > 0.95 * regression);
  CHECK(by_routes < 0.9 * regression);
}

TEST_CASE("a higher price never sends more patches on, and prices span the whole curve") {
  const auto train = examples(Key{1}, 100, 0.2);
  const auto state = state_dict(train);
  const auto sent = [&](const auto& router) {
    const auto actions = router.choose(state, Key{});
    return std::ranges::count(actions.values(), 1);
  };
  const auto check_curve = [&](auto router) {
    auto last = std::numeric_limits<std::ptrdiff_t>::max();
    for (const double price : {-1.0, 0.0, 5e-5, 1e-4, 2e-4, 1.0}) {
      router.prices.price = price;
      CAPTURE(price);
      CHECK(sent(router) <= last);
      last = sent(router);
      if (price == -1.0) CHECK(last == train.size());
    }
    CHECK(last == 0);
  };
  check_curve(fit_gain_router(train, {{0, 2.0}, 0}, patches, quick, Key{3}));
  check_curve(train_patch_policy(train, {{0, 2.0}, 0}, patches, quick, {}, Key{3}));
}

TEST_CASE("with two task models the dearer one answers where it is worth its price") {
  const auto train = examples(Key{4}, 400, 0.05, 2), test = examples(Key{5}, 200, 0, 2);
  const auto worth = [&](const auto& router, double price) {
    const auto actions = router.choose(state_dict(test, 3), Key{});
    double sum = 0;
    for (Index i = 0; i < test.size(); ++i)
      if (const auto a = actions.data()[i]; a > 0)
        sum += static_cast<double>(test.gains(i, a - 1)) - price * router.prices.costs[static_cast<std::size_t>(a)];
    return sum;
  };
  const double price = 5e-5;
  double best = 0;
  for (Index i = 0; i < test.size(); ++i)
    best += std::max(
        {0.0, static_cast<double>(test.gains(i, 0)) - price, static_cast<double>(test.gains(i, 1)) - 4 * price});
  CHECK(worth(fit_gain_router(train, {{0, 1.0, 4.0}, price}, patches, quick, Key{3}), price) > 0.85 * best);
  CHECK(worth(train_patch_policy(train, {{0, 1.0, 4.0}, price}, patches, quick, {}, Key{3}), price) > 0.85 * best);
}

TEST_CASE("routers are what their specification and their weights make them again") {
  const auto train = examples(Key{1}, 40, 0.2);
  const auto state = state_dict(train);
  const PolicyShape shape{{2, 2}, 2};
  const RouterFit little{.width = 5, .members = 2, .epochs = 3};
  for (const Policy<float>& policy :
       {Policy<float>(fit_gain_router(train, {{0, 2.0}, 1e-4}, patches, little, Key{3})),
        Policy<float>(train_patch_policy(train, {{0, 2.0}, 1e-4}, patches, little, {}, Key{3}))}) {
    CHECK(policy.reads_statistics());
    auto again = make_policy<float>(policy.spec(), shape, Key{8});
    CHECK(again.spec().json == policy.spec().json);
    CHECK_FALSE(same_bits(again.choose(state, Key{}), policy.choose(state, Key{})));
    std::vector<Tensor<float, 1>> weights;
    nn::walk(policy,
             [&](const std::string&, const auto& p) { weights.push_back(p.value.reshape(Shape<1>{p.value.numel()})); });
    std::size_t at = 0;
    nn::walk(again, [&](const std::string&, auto& p) { p.value = weights[at++].reshape(p.value.shape()); });
    CHECK(same_bits(again.choose(state, Key{}), policy.choose(state, Key{})));
    // Nothing is allocated by a file that does not hold it.
    CHECK_THROWS_WITH(make_policy<float>(policy.spec(), {{2, 2}, 2, 10}, Key{}), Contains("there are 10 numbers"));
    CHECK_THROWS_WITH(make_policy<float>(policy.spec(), {{2, 2}, 3}, Key{}), Contains("costs"));
    CHECK_THROWS_WITH(make_policy<float>(policy.spec(), {{2, 2}, 2, {}, 3}, Key{}), Contains("3 classes have 19"));
    CHECK(policy.operations({3, 8, 8}).total() == 12 * 10 * (features + (policy.spec().type == "gain_router" ? 1 : 2)));
  }
}

TEST_CASE("the average of heads answers with the mean of their answers") {
  const Tensor<float, 2> rows = normal<float, 2>(Key{1}, Shape<2>{7, features});
  std::vector<PatchHead<float>> heads;
  for (std::uint64_t i = 0; i < 3; ++i) heads.emplace_back(features, 4 + static_cast<Index>(i), 2, Key{i});
  const auto all = infer(average_heads(heads), rows);
  for (Index i = 0; i < all.numel(); ++i) {
    double mean = 0;
    for (const auto& h : heads) mean += static_cast<double>(infer(h, rows).data()[i]) / 3;
    CHECK(all.data()[i] == Approx(mean).margin(1e-5));
  }
  heads[1].unit.value = Tensor<float, 1>::full({1}, 2.0f);
  CHECK_THROWS_AS(average_heads(heads), ShapeError);
}

TEST_CASE("patches of few images of any numbers are learned from, and damaged ones refused") {
  auto e = examples(Key{1}, 2, 0.2);
  for (Index& image : e.image) image = 4 + 3 * image;
  const auto router = fit_gain_router(e, {{0, 1.0}, 0}, patches, {.width = 4, .members = 2, .epochs = 2}, Key{});
  CHECK(std::isfinite(router.gains(state_dict(e)).data()[0]));
  e.statistics.mutable_data()[3] = std::numeric_limits<float>::quiet_NaN();
  CHECK_THROWS_WITH(fit_gain_router(e, {{0, 1.0}, 0}, patches, quick, Key{}), Contains("not a finite number"));
  CHECK_THROWS_WITH(router.choose(state_dict(e), Key{}), Contains("is not a number"));
}

TEST_CASE("what a member is judged on are images that it is not trained on, whole ones, other ones for each member") {
  auto e = examples(Key{1}, 9, 0.2);
  for (Index& image : e.image) image = 7 + 2 * image;
  std::set<Index> judged;
  for (Index member = 0; member < 3; ++member) {
    const pipeline::detail::MemberRows rows(e, member, 3, Key{4});
    std::set<Index> seen, held;
    for (const Index i : rows.train) seen.insert(e.image[static_cast<std::size_t>(i)]);
    for (const Index i : rows.held_out) held.insert(e.image[static_cast<std::size_t>(i)]);
    CHECK(held.size() == 3);
    CHECK(seen.size() == 6);
    CHECK(rows.held_out.size() == 3 * patches);
    judged.insert(held.begin(), held.end());
    for (const Index image : held) CHECK_FALSE(seen.contains(image));
  }
  CHECK(judged.size() == 9);
}

TEST_CASE("what cannot be learned from is refused") {
  const auto e = examples(Key{1}, 4, 0.2);
  CHECK_THROWS_WITH(fit_gain_router(e, {{0, 0.0}, 0}, patches, quick, Key{}), Contains("positive ones"));
  CHECK_THROWS_WITH(fit_gain_router(e, {{0, 1.0, 2.0}, 0}, patches, quick, Key{}), Contains("costs of 2 models"));
  CHECK_THROWS_AS(fit_gain_router(e, {{0, 1.0}, 0}, patches, {.members = 0}, Key{}), ValueError);
  CHECK_THROWS_AS(train_patch_policy(e, {{0, 1.0}, 0}, patches, quick, {.temperature = 0}, Key{}), ValueError);
  auto more = e;
  CHECK_THROWS_AS(append(more, examples(Key{2}, 4, 0.2, 2)), ShapeError);
  append(more, e);
  CHECK(more.size() == 2 * e.size());
  CHECK(more.image.back() == 7);
}

}  // namespace router_test
