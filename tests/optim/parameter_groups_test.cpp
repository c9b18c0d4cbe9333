#include "paser/optim/parameter_groups.hpp"

#include <catch2/catch.hpp>

#include "paser/nn/linear.hpp"
#include "paser/optim/adam.hpp"
#include "paser/optim/sgd.hpp"

using namespace paser;

namespace parameter_group_cases {

/// A body and a head of equal weights, so that what differs after a step is the groups' doing.
struct Model {
  nn::Linear<double> body{2, 3, Key{1}}, head{2, 3, Key{1}};

  template <class Self, class F>
  static void visit(Self& self, F&& f) {
    f("body", self.body);
    f("head", self.head);
  }

  /// Ones for every parameter.
  Gradients<double> gradients() const {
    Gradients<double> g;
    nn::walk_parameters(
        *this, [&g](const std::string&, const auto& p) { g.add(&p, Tensor<double, 1>::full({p.value.numel()}, 1)); });
    return g;
  }
};

}  // namespace parameter_group_cases

TEST_CASE("groups multiply the rate and the decay of what they take") {
  parameter_group_cases::Model model;
  const auto before = model;
  optim::Sgd<double> sgd({.learning_rate = 0.01, .weight_decay = 0.5},
                         {{.takes = optim::named({"head"}), .learning_rate = 10},
                          {.takes = optim::is_vector, .weight_decay = 0},
                          {.takes = optim::named({"head.bias"}), .learning_rate = 3}});
  sgd.step(model, model.gradients());
  const auto expect = [](const auto& after, const auto& was, double rate, double decay) {
    for (Index i = 0; i < was.value.numel(); ++i) {
      const double x = was.value.data()[i];
      CHECK(after.value.data()[i] == Approx(x - rate * (1 + decay * x)).epsilon(1e-13));
    }
  };
  expect(model.body.weight, before.body.weight, 0.01, 0.5);
  expect(model.body.bias, before.body.bias, 0.01, 0);
  expect(model.head.weight, before.head.weight, 0.1, 0.5);
  expect(model.head.bias, before.head.bias, 0.3, 0);

  const auto second = model;
  sgd.set_learning_rate(0.02);  // a schedule moves all groups
  sgd.step(model, model.gradients());
  expect(model.head.weight, second.head.weight, 0.2, 0.5);
}

TEST_CASE("decoupled decay shrinks by the group's rate and decay") {
  parameter_group_cases::Model model;
  const auto before = model;
  optim::AdamW<double> adam(
      {.learning_rate = 0.01, .eps = 0, .weight_decay = 0.5},
      {{.takes = optim::named({"head"}), .learning_rate = 10}, {.takes = optim::is_vector, .weight_decay = 0}});
  adam.step(model, model.gradients());
  // Its first step is the learning rate, whatever the gradient.
  const auto first = [](const auto& p) { return p.value.data()[0]; };
  CHECK(first(model.body.weight) == Approx(first(before.body.weight) * (1 - 0.01 * 0.5) - 0.01));
  CHECK(first(model.head.weight) == Approx(first(before.head.weight) * (1 - 0.1 * 0.5) - 0.1));
  CHECK(first(model.head.bias) == Approx(first(before.head.bias) - 0.1));
}

TEST_CASE("a group needs a rule and factors that are not negative, and a name is one up to a dot") {
  CHECK_THROWS_AS(optim::Sgd<float>({}, {{.takes = {}}}), ValueError);
  CHECK_THROWS_WITH(optim::Sgd<float>({}, {{.takes = optim::is_vector, .learning_rate = -1}}),
                    Catch::Contains("not negative"));
  const auto takes = optim::named({"head"});
  CHECK(takes({"head.weight"}));
  CHECK(takes({"head"}));
  CHECK(!takes({"header.weight"}));
  CHECK(!takes({"body.head.weight"}));
}

TEST_CASE("a group names what the model has; a rule by kind may take nothing") {
  using Catch::Contains;
  const auto bind = [](const optim::ParameterGroups& groups) {
    const parameter_group_cases::Model model;
    optim::Sgd<double>({.learning_rate = 0.01}, groups).bind(model);
  };
  CHECK_THROWS_AS(bind({{.takes = optim::named({"haed"}), .learning_rate = 10}}), ValueError);
  CHECK_THROWS_WITH(bind({{.takes = optim::named({"haed"})}}),
                    Contains("'haed' names no parameter") && Contains("did you mean 'head'? It has: body, head"));
  CHECK_THROWS_WITH(bind({{.takes = optim::named({"body", "head.scale"})}}), Contains("'head.scale' names no"));
  CHECK_THROWS_WITH(bind({{.takes = optim::named({"classifier"})}}), Contains("of the model. It has: body, head"));
  CHECK_NOTHROW(bind({{.takes = optim::named({"body", "head.bias"})}}));
  CHECK_NOTHROW(bind({{.takes = [](const auto& p) { return p.rank > 2; }, .weight_decay = 0}}));

  parameter_group_cases::Model model;
  const auto before = model;
  optim::Sgd<double> sgd({.learning_rate = 0.01}, {{.takes = optim::named({"haed"})}});
  CHECK_THROWS_AS(sgd.step(model, model.gradients()), ValueError);
  CHECK_THROWS_AS(sgd.step(model, model.gradients()), ValueError);
  CHECK(model.head.bias.value(0) == before.head.bias.value(0));
}
