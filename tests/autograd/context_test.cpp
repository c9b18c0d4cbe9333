#include "paser/autograd/context.hpp"

#include <catch2/catch.hpp>

#include "distributed/thread_link.hpp"
#include "paser/distributed/sum_gradients.hpp"
#include "paser/nn/linear.hpp"
#include "paser/nn/norm.hpp"
#include "paser/ops/reshape.hpp"
#include "paser/optim/adam.hpp"
#include "paser/pipeline/supervised.hpp"
#include "support/same_bits.hpp"

namespace context_test {

using namespace paser;

/// A layer that is always in the loss and one that may be computed for nothing.
struct TwoLayers {
  nn::Linear<float> used{2, 1, Key{1}}, read{2, 1, Key{2}};

  template <class Self, class F>
  static void visit(Self& self, F&& f) {
    f("used", self.used);
    f("read", self.read);
  }
};

/// The gradients of a loss that has the second layer in it or has not; it is computed in either case.
Gradients<float> gradients_of(const TwoLayers& model, bool both) {
  const auto x = Tensor<float, 2>::full({1, 2}, 1.F);
  return value_and_gradients<float>(run::training, Key{3},
                                    [&](auto& ctx) {
                                      const auto y = model.used(ctx, Var<float, 2>(x)),
                                                 z = model.read(ctx, Var<float, 2>(x));
                                      return reshape(both ? add(y, z) : y, Shape<1>{1});
                                    })
      .gradients;
}

TEST_CASE("a parameter that was read but is not in the loss has no gradient and is not moved") {
  TwoLayers model;
  const auto before = model.read.weight.value;
  optim::AdamW<float> adam({.learning_rate = 0.1, .weight_decay = 0.5});
  adam.step(model, gradients_of(model, true));
  const auto moved = model.read.weight.value;
  CHECK(!same_bits(moved, before));
  const auto gradients = gradients_of(model, false);
  CHECK(gradients.find(model.read.weight) == nullptr);
  CHECK(gradients.find(model.used.weight) != nullptr);
  CHECK(same_bits(gradients.of(model.read.weight), Tensor<float, 2>::zeros(before.shape())));
  adam.step(model, gradients);
  CHECK(same_bits(model.read.weight.value, moved));  // neither by weight decay nor by momentum
}

TEST_CASE("parts of a batch, at one process or several, sum what some of them alone depend on") {
  const TwoLayers model;
  pipeline::SupervisedResult<float> whole;
  whole.gradients = gradients_of(model, false);
  for (const bool both : {true, false}) {
    pipeline::SupervisedResult<float> part;
    part.gradients = gradients_of(model, both);
    whole += part;
  }
  CHECK(same_bits(whole.gradients.of(model.read.weight), gradients_of(model, true).of(model.read.weight)));
  const auto sums = thread_link::with_ranks(3, [&](const distributed::Team& team) {
    pipeline::SupervisedResult<float> part;
    part.gradients = gradients_of(model, team.rank() == 1);
    TreeSum<pipeline::SupervisedResult<float>> own(team.rank());
    own.add(std::move(part));
    return distributed::sum_gradients<float>(team, std::move(own), model).gradients;
  });
  for (const auto& sum : sums)
    nn::walk_parameters(model, [&](const std::string&, const auto& p) {
      REQUIRE(sum->find(p) != nullptr);
      CHECK(same_bits(sum->of(p), whole.gradients.of(p)));
    });
}

TEST_CASE("a batch norm that is applied twice in a run moves its statistics twice") {
  const nn::BatchNorm<double> norm(1);
  TapeContext<double> ctx(run::training);
  const auto values = [](double low, double high) {
    return Var<double, 4>(Tensor<double, 4>::from({1, 1, 2, 1}, std::vector{low, high}));
  };
  norm(ctx, values(9, 11));
  const auto y = norm(ctx, values(-1, 3));
  const auto gradients = ctx.backward(y, Tensor<double, 4>::full(y.shape(), 1));
  // The unbiased variances are 2 and 8.
  CHECK((*gradients.next(norm.running_mean))(0) == Approx(0.9 * (0.1 * 10) + 0.1 * 1));
  CHECK((*gradients.next(norm.running_var))(0) == Approx(0.9 * (0.9 * 1 + 0.1 * 2) + 0.1 * 8));
  CHECK(norm.running_mean.value(0) == 0);
}

}  // namespace context_test
