#include "paser/report/measure_costs.hpp"

#include <catch2/catch.hpp>
#include <map>

#include "paser/pipeline/simple_policies.hpp"

using namespace paser;
using namespace paser::report;

namespace measure_costs_test {

namespace {

/// A clock that only models, estimator and policy move, and what they were asked.
struct Machine {
  double now = 100, waited = 0;
  std::map<std::string, std::vector<Shape<4>>> calls{};
  Index done = -1, total = -1;

  CostOptions options(std::vector<Index> batches) {
    return {.rounds = 3,
            .batches = std::move(batches),
            .progress = [this](Index d, Index t) { done = d, total = t; },
            .clock = [this] { return now; },
            .waited = [this] { return waited; }};
  }
};

/// A network that takes a time for each batch and a time for each of its images.
struct Model {
  Machine* machine;
  std::string name;
  Index in, out;
  double per_batch, per_image, wait_share = 0;

  Index channels() const { return in; }
  Index classes() const { return out; }
  template <class Self, class F>
  static void visit(Self&, F&&) {}

  template <class Context>
  Image<Context> operator()(Context& ctx, const Image<Context>& image) const {
    const Shape<4>& s = value_of(image).shape();
    machine->calls[name].push_back(s);
    const double took = per_batch + per_image * static_cast<double>(s.n());
    machine->now += took;
    machine->waited += wait_share * took * threads();
    return ctx.constant(Tensor<float, 4>::zeros({s.n(), s.h(), s.w(), out}));
  }
  Counted<4> operator()(CountContext<float>&, const Counted<4>& x) const {
    return x.free(Shape<4>{x.shape().n(), x.shape().h(), x.shape().w(), out});
  }
};

/// What a policy was given.
struct Seen {
  Shape<4> map{};
  Shape<3> statistics{};
  std::size_t doubts = 0;
};

struct ReadsMap {
  Machine* machine;
  Seen* seen;
  pipeline::Actions choose(const pipeline::PolicyState<float>& state, Key) const {
    machine->now += 0.003;
    *seen = {state.map.shape(), state.statistics.shape(), state.doubt.size()};
    return pipeline::Actions::zeros(state.shape());
  }
  TypedSpec spec() const { return {"map"}; }
};
struct ReadsStatistics : ReadsMap {
  static constexpr bool reads_statistics = true;
};
struct AsksAgain : ReadsMap {
  static constexpr bool asks_again = true;
};

/// Images 8 x 12 of 2 channels in 2 x 2 patches, 3 classes; the third network corrects the first.
pipeline::Paser<float> paser_on(Machine& m, double wait_share = 0) {
  return {.models = {Model{&m, "f1", 2, 3, 0.010, 0.001, wait_share}, Model{&m, "f2", 2, 3, 0.004, 0.002, wait_share},
                     Model{&m, "f3", 5, 3, 0.008, 0.016, wait_share}},
          .policy = pipeline::Constant{0},
          .grid = {2, 2},
          .estimator = uncertainty::SoftmaxEntropy{}};
}

}  // namespace

TEST_CASE("what each kind of work takes on the machine is measured by itself") {
  Machine m;
  auto paser = paser_on(m);
  paser.estimator = uncertainty::Ensemble<float>{{Model{&m, "member", 2, 3, 0.020, 0}}};
  Seen seen;
  const auto costs = measure_costs(paser, ReadsMap{&m, &seen}, {1, 8, 12, 2}, m.options({1, 2, 8}));
  CHECK(costs.processor == cpu_name());
  CHECK(costs.threads == threads());
  CHECK_FALSE(costs.busy);
  CHECK(costs.estimate == Approx(31));
  CHECK(costs.decide == Approx(3));
  CHECK(costs.coarse == Approx(11));
  CHECK(costs.batch == std::vector<Index>{1, 2, 8});
  REQUIRE(costs.patch.size() == 3);
  CHECK(costs.patch[0].empty());
  CHECK(costs.patch[1][0] == Approx(6));
  CHECK(costs.patch[1][1] == Approx(4));
  CHECK(costs.patch[1][2] == Approx(2.5));
  CHECK(costs.patch[2][0] == Approx(24));
  CHECK(costs.patch[2][2] == Approx(17));
  CHECK(m.total == 4 * 9);
  CHECK(m.done == m.total);
  CHECK_NOTHROW(pipeline::check_machine_costs<ValueError>(costs));
}

TEST_CASE("patches have the size of the grid's, and a network that corrects the coarse one gets its channels") {
  Machine m;
  const auto paser = paser_on(m);
  measure_costs(paser, pipeline::Constant{1}, {1, 8, 12, 2}, m.options({1, 4}));
  for (const Shape<4>& s : m.calls["f1"]) CHECK(s == Shape<4>{1, 8, 12, 2});
  CHECK(m.calls["f2"].front() == Shape<4>{1, 4, 6, 2});
  CHECK(m.calls["f2"].at(1) == Shape<4>{4, 4, 6, 2});
  CHECK(m.calls["f3"].at(1) == Shape<4>{4, 4, 6, 5});
}

TEST_CASE("a policy is timed on what it reads") {
  Machine m;
  const auto paser = paser_on(m);
  Seen seen;
  measure_costs(paser, ReadsMap{&m, &seen}, {1, 8, 12, 2}, m.options({1}));
  CHECK(seen.map == Shape<4>{1, 8, 12, 2});
  CHECK(seen.statistics.numel() == 0);
  const auto costs = measure_costs(paser, ReadsStatistics{{&m, &seen}}, {1, 8, 12, 2}, m.options({1}));
  CHECK(seen.map.numel() == 0);
  CHECK(seen.statistics == Shape<3>{1, 4, patch_statistics_size(3)});
  CHECK(costs.decide == Approx(3));
  measure_costs(paser, AsksAgain{{&m, &seen}}, {1, 8, 12, 2}, m.options({1}));
  CHECK(seen.doubts == 4);
}

TEST_CASE("costs that were measured while others had the processors say so") {
  Machine m;
  Machine quiet;
  CHECK(measure_costs(paser_on(m, 0.06), pipeline::Constant{0}, {1, 8, 12, 2}, m.options({1})).busy);
  CHECK_FALSE(measure_costs(paser_on(quiet, 0.04), pipeline::Constant{0}, {1, 8, 12, 2}, quiet.options({1})).busy);
}

TEST_CASE("a measurement without rounds, of several images or of batches that do not rise is refused") {
  Machine m;
  const auto paser = paser_on(m);
  const pipeline::Policy<float> policy = pipeline::Constant{0};
  CHECK_THROWS_AS(measure_costs(paser, policy, {2, 8, 12, 2}, m.options({1})), ShapeError);
  CHECK_THROWS_AS(measure_costs(paser, policy, {1, 8, 12, 2}, m.options({2, 2})), ValueError);
  CHECK_THROWS_AS(measure_costs(paser, policy, {1, 8, 12, 2}, m.options({0, 2})), ValueError);
  CHECK_THROWS_AS(measure_costs(paser, policy, {1, 8, 12, 2}, m.options({})), ValueError);
  CostOptions none = m.options({1});
  none.rounds = 0;
  CHECK_THROWS_AS(measure_costs(paser, policy, {1, 8, 12, 2}, none), ValueError);
}

TEST_CASE("on real clocks every cost is above nothing") {
  Machine m;
  const auto costs = measure_costs(paser_on(m), pipeline::Constant{0}, {1, 8, 12, 2}, {.rounds = 1, .batches = {1, 2}});
  CHECK(costs.estimate > 0);
  CHECK(costs.decide > 0);
  CHECK(costs.coarse > 0);
  for (const double ms : costs.patch[2]) CHECK(ms > 0);
}

}  // namespace measure_costs_test
