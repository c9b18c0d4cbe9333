#include <catch2/catch.hpp>
#include <functional>
#include <thread>
#include <vector>

#include "paser/models/policy_net.hpp"
#include "paser/models/unet.hpp"
#include "paser/ops/cross_entropy.hpp"
#include "paser/uncertainty/mc_dropout.hpp"
#include "support/same_bits.hpp"

using namespace paser;

namespace {

/// Several threads of a program, each of which runs f(its number) `rounds` times: the results of host h are
/// results[h].
template <class F>
auto on_hosts(std::size_t hosts, int rounds, const F& f) {
  using Result = std::invoke_result_t<F, std::size_t>;
  std::vector<std::vector<Result>> results(hosts);
  std::vector<std::thread> threads;
  for (std::size_t host = 0; host < hosts; ++host)
    threads.emplace_back([&, host] {
      for (int round = 0; round < rounds; ++round) results[host].push_back(f(host));
    });
  for (auto& thread : threads) thread.join();
  return results;
}

/// Four hosts at once get the bits that each would get alone, for every limit of threads.
template <class F>
void check_hosts(const F& f) {
  constexpr std::size_t hosts = 4;
  set_threads(1);
  std::vector<std::invoke_result_t<F, std::size_t>> alone;
  for (std::size_t host = 0; host < hosts; ++host) alone.push_back(f(host));
  for (const int limit : {1, 2, 4}) {
    set_threads(limit);
    const auto results = on_hosts(hosts, 3, f);
    int wrong = 0;
    for (std::size_t host = 0; host < hosts; ++host)
      for (const auto& result : results[host]) wrong += !same_bits(result, alone[host]);
    INFO(limit << " threads");
    CHECK(wrong == 0);
  }
  set_threads(0);
}

Tensor<float, 4> image_of(std::size_t host) {
  const auto step = static_cast<Index>(host);
  return uniform<float>(Key{20 + host}, Shape<4>{1 + step % 2, 40 + 2 * step, 37, 1});
}

}  // namespace

TEST_CASE("several threads of a program may run one model at once") {
  const models::StaticUNet<1, 3, 8, 2> unet(Key{1});
  const models::StaticUNet<1, 3, 16, 3> wide(Key{2});
  const models::PolicyNet<float> policy(12, Key{3});
  SECTION("a network alone") {
    check_hosts([&](std::size_t host) { return infer(unet, image_of(host)); });
  }
  SECTION("a wider network, whose layers take other kernels") {
    check_hosts([&](std::size_t host) { return infer(wide, image_of(host)); });
  }
  SECTION("MC dropout, and the policy on its prediction") {
    check_hosts([&](std::size_t host) {
      const auto image = slice_rows(image_of(host), 0, 1);
      return infer(policy, uncertainty::mc_dropout(unet, image, Key{host}, {.samples = 3}).policy_state());
    });
  }
  SECTION("gradients, each on its own tape") {
    check_hosts([&](std::size_t host) {
      const auto image = image_of(host);
      const Shape<4>& shape = image.shape();
      const auto labels = Labels::full({shape.n(), shape.h(), shape.w()}, 1);
      const auto result = value_and_gradients<float>(run::training, Key{host}, [&](TapeContext<float>& ctx) {
        return cross_entropy(unet(ctx, ctx.constant(image)), labels);
      });
      return result.gradients.of(unet.entry.conv1.weight);
    });
  }
}
