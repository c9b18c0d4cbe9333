#include "paser/report/timing.hpp"

#include <catch2/catch.hpp>

#include "paser/report/method_row.hpp"

using namespace paser;
using namespace paser::report;

namespace {

/// Works whose runs take given seconds, of which the threads wait a share, on clocks that nothing else moves.
struct Machine {
  double now = 50, waited = 7;
  std::string order{};
  std::vector<std::pair<Index, Index>> told{};

  std::function<void()> work(char name, std::vector<double> seconds, double wait_share = 0) {
    return [this, name, seconds, wait_share, run = std::size_t{0}]() mutable {
      const double took = seconds.at(run++ % seconds.size());
      order += name;
      now += took;
      waited += wait_share * took * threads();
    };
  }
  TimingOptions options(int rounds, int warm_ups) {
    return {.rounds = rounds,
            .warm_ups = warm_ups,
            .clock = [this] { return now; },
            .waited = [this] { return waited; },
            .progress = [this](Index done, Index total) { told.emplace_back(done, total); }};
  }
};

}  // namespace

TEST_CASE("works are timed in turn, and those that warm up do not count") {
  Machine m;
  const auto t = time_in_turn({m.work('a', {100, 1, 2, 9}), m.work('b', {100, 3, 3, 3})}, m.options(3, 1));
  CHECK(m.order == "abababab");
  REQUIRE(t.size() == 2);
  CHECK(t[0].median == Approx(2));
  CHECK(t[0].spread.low == Approx(1.5));
  CHECK(t[0].spread.high == Approx(5.5));
  CHECK(t[0].spread.runs == 3);
  CHECK(t[1].median == Approx(3));
  CHECK(t[1].spread.low == Approx(3));
  CHECK_FALSE(t[0].spread.busy());
  REQUIRE(m.told.size() == 9);
  CHECK(m.told.front() == std::pair<Index, Index>{0, 8});
  CHECK(m.told.back() == std::pair<Index, Index>{8, 8});
}

TEST_CASE("times are marked when the threads waited for a processor in a twentieth of their time") {
  Machine m;
  const auto t = time_in_turn({m.work('a', {1}, 0.04), m.work('b', {1}, 0.06)}, m.options(5, 0));
  CHECK(t[0].spread.waited == Approx(0.04));
  CHECK_FALSE(t[0].spread.busy());
  CHECK(t[1].spread.waited == Approx(0.06));
  CHECK(t[1].spread.busy());
}

TEST_CASE("a wait is a share of the time of all threads") {
  double now = 0, waited = 3;
  const WaitMeter meter([&] { return now; }, [&] { return waited; });
  CHECK(meter.share() == 0);
  now = 10;
  waited += 2.5 * threads();
  CHECK(meter.share() == Approx(0.25));
}

TEST_CASE("what the system tells of waiting never falls") {
  const double before = waited_seconds();
  CHECK(before >= 0);
  CHECK(waited_seconds() >= before);
}

TEST_CASE("a time without a round is refused") {
  CHECK_THROWS_AS(time_in_turn({}, {.rounds = 0}), ValueError);
}

TEST_CASE("methods are timed on the same images, in milliseconds per image") {
  struct {
    Tensor<float, 4> images = Tensor<float, 4>::zeros({4, 2, 2, 1});
    ImageIds ids{0, 1, 2, 3};
  } batch;
  Machine m;
  Row small, large;
  const auto method = [&](char name, double seconds) {
    return pipeline::Method<float>{[work = m.work(name, {seconds}, name == 'l' ? 0.5 : 0)](
                                       const Tensor<float, 4>& images, const ImageIds&) mutable {
                                     CHECK(images.shape().n() == 4);
                                     work();
                                     return pipeline::Segmentation<float>{};
                                   },
                                   {}};
  };
  const std::string how =
      time_methods<float>({{&small, method('s', 0.002)}, {&large, method('l', 0.4)}}, batch, m.options(3, 1));
  CHECK(how ==
        "median of 3 runs on a batch of 4 test images, all methods in turn; in brackets the first and third quartile");
  CHECK(small.ms_per_image == Approx(0.5));
  CHECK(large.ms_per_image == Approx(100));
  REQUIRE(large.ms_spread.has_value());
  CHECK(large.ms_spread->low == Approx(100));
  CHECK(large.ms_spread->busy());
  CHECK_FALSE(small.ms_spread->busy());
}
