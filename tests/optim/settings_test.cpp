#include <catch2/catch.hpp>
#include <limits>

#include "paser/ops/batch_norm.hpp"
#include "paser/ops/group_norm.hpp"
#include "paser/ops/instance_norm.hpp"
#include "paser/ops/layer_norm.hpp"
#include "paser/ops/relu_linear_attention.hpp"
#include "paser/optim/adam.hpp"
#include "paser/optim/sgd.hpp"

namespace optim_settings_test {

using namespace paser;
using Catch::Contains;

const double infinity = std::numeric_limits<double>::infinity(), nan = std::numeric_limits<double>::quiet_NaN();

TEST_CASE("optimizers take no setting that is infinite, not a number or negative") {
  for (const double bad : {infinity, nan, -1.0}) {
    const auto rule = Contains("must be finite and not negative, got"), shown = Contains(value_text(bad));
    CHECK_THROWS_WITH(optim::Adam<float>({.learning_rate = bad}), rule && shown);
    CHECK_THROWS_WITH(optim::AdamW<float>({.eps = bad}), rule && shown);
    CHECK_THROWS_WITH(optim::AdamW<float>({.weight_decay = bad}), rule && shown);
    CHECK_THROWS_AS(optim::Adam<float>({.beta1 = bad}), ValueError);
    CHECK_THROWS_AS(optim::Adam<float>({.beta2 = bad}), ValueError);
    CHECK_THROWS_WITH(optim::Sgd<float>({.learning_rate = bad}), rule && shown);
    CHECK_THROWS_WITH(optim::Sgd<float>({.momentum = bad}), rule && shown);
    CHECK_THROWS_WITH(optim::Sgd<float>({.weight_decay = bad}), rule && shown);
    CHECK_THROWS_AS(optim::Sgd<float>({}, {{.takes = optim::is_vector, .learning_rate = bad}}), ValueError);
    CHECK_THROWS_AS(optim::Sgd<float>({}, {{.takes = optim::is_vector, .weight_decay = bad}}), ValueError);
    optim::Adam<float> adam({});
    CHECK_THROWS_WITH(adam.set_learning_rate(bad), rule && shown);
    CHECK(adam.learning_rate() == 1e-3);
  }
  CHECK_THROWS_WITH(optim::Sgd<float>({.momentum = 0.9, .dampening = nan}),
                    Contains("dampening must be finite, got nan"));
  CHECK_THROWS_AS(optim::Sgd<float>({.momentum = 0.9, .dampening = -infinity}), ValueError);
}

TEST_CASE("norms take no eps that is infinite, not a number or negative") {
  const auto x = normal<float>(Key{1}, Shape{1, 3, 3, 4}), qkv = normal<float>(Key{1}, Shape{1, 3, 3, 24});
  const auto w = Tensor<float, 1>::full({4}, 1.F);
  for (const double bad : {infinity, nan, -1.0}) {
    const auto rule = Contains("eps must be finite and not negative"), shown = Contains(value_text(bad));
    CHECK_THROWS_WITH(batch_norm(x, w, w, w, w, {.eps = bad}), rule && shown);
    CHECK_THROWS_AS(batch_norm(x, w, w, w, w, {.momentum = bad}), ValueError);
    CHECK_THROWS_WITH(instance_norm(x, {.eps = bad}), rule && shown);
    CHECK_THROWS_WITH(group_norm(x, w, w, {.groups = 2, .eps = bad}), rule && shown);
    CHECK_THROWS_WITH(layer_norm(x, w, w, {.eps = bad}), rule && shown);
    CHECK_THROWS_WITH(relu_linear_attention(qkv, 4, bad), rule && shown);
  }
}

}  // namespace optim_settings_test
