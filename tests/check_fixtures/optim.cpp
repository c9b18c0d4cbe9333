#include "families.hpp"
#include "paser/autograd/context.hpp"
#include "paser/io/torch_layout.hpp"
#include "paser/nn/linear.hpp"
#include "paser/ops/distillation.hpp"
#include "paser/optim/adam.hpp"
#include "paser/optim/schedule.hpp"
#include "paser/optim/sgd.hpp"

namespace fixtures {

namespace {

using paser::Index;
using paser::Tensor;

/// Calls f with the optimizer that the case names, made with its settings.
template <class F>
void with_optimizer(const Case& c, F&& f) {
  namespace optim = paser::optim;
  const std::string kind = c.text("optimizer");
  const double lr = c.number("lr"), decay = c.number("weight_decay", 0);
  if (kind == "sgd") {
    return f(optim::Sgd<float>({.learning_rate = lr,
                                .momentum = c.number("momentum", 0),
                                .dampening = c.number("dampening", 0),
                                .weight_decay = decay,
                                .nesterov = c.flag("nesterov", false)}));
  }
  const double beta1 = c.number("beta1", 0.9), beta2 = c.number("beta2", 0.999), eps = c.number("eps", 1e-8);
  if (kind == "adam") {
    return f(
        optim::Adam<float>({.learning_rate = lr, .beta1 = beta1, .beta2 = beta2, .eps = eps, .weight_decay = decay}));
  }
  if (kind == "adamw") {
    return f(
        optim::AdamW<float>({.learning_rate = lr, .beta1 = beta1, .beta2 = beta2, .eps = eps, .weight_decay = decay}));
  }
  throw paser::FormatError("fixture: unknown optimizer '" + kind + "'");
}

paser::optim::Schedule schedule_of(const Case& c, double base) {
  namespace optim = paser::optim;
  const std::string kind = c.text("schedule", "none");
  if (kind == "none") return optim::constant_schedule(base);
  if (kind == "cosine")
    return optim::cosine_schedule(base, c.integer("t_max"), c.number("eta_min", 0), optim::AfterCosine::swing);
  if (kind == "step") return optim::step_schedule(base, c.integer("step_size"), c.number("gamma"));
  throw paser::FormatError("fixture: unknown schedule '" + kind + "'");
}

/// The record of a run, one row a step.
struct Trajectory {
  std::vector<double> rows;
  void append(const Stored& row) { rows.insert(rows.end(), row.values.begin(), row.values.end()); }
};

Stored torch_weight(const Tensor<float, 2>& weight) {
  return from_tensor(paser::io::weight_to_torch(weight, paser::io::WeightKind::linear));
}

/// Fits y = x W + b to targets by mean squared error.
void check_linear_mse(Case& c) {
  const auto x = c.tensor<2>("x"), y = c.tensor<2>("y");
  paser::nn::Linear<float> model(x.shape()[1], y.shape()[1], paser::Key{});
  model.weight.value = paser::io::weight_from_torch(c.tensor<2>("init_weight"), paser::io::WeightKind::linear);
  model.bias.value = c.tensor<1>("init_bias");
  const auto schedule = schedule_of(c, c.number("lr"));
  std::vector<double> losses, rates;
  Trajectory weights, biases, weight_gradients, bias_gradients;
  with_optimizer(c, [&](auto optimizer) {
    for (Index step = 0; step < c.integer("steps"); ++step) {
      optimizer.set_learning_rate(schedule(step));
      rates.push_back(optimizer.learning_rate());
      const auto [loss, gradients] = paser::value_and_gradients<float>(paser::run::training, {}, [&](auto& ctx) {
        return paser::mean_squared_error(model(ctx, ctx.constant(x)), ctx.constant(y));
      });
      losses.push_back(static_cast<double>(loss));
      weight_gradients.append(torch_weight(gradients.of(model.weight)));
      bias_gradients.append(from_tensor(gradients.of(model.bias)));
      optimizer.step(model, gradients);
      weights.append(torch_weight(model.weight.value));
      biases.append(from_tensor(model.bias.value));
    }
  });
  c.expect_numbers("loss", losses);
  c.expect_numbers("lr", rates);
  c.expect_numbers("traj_weight", weights.rows);
  c.expect_numbers("traj_bias", biases.rows);
  c.expect_numbers("grads_weight", weight_gradients.rows);
  c.expect_numbers("grads_bias", bias_gradients.rows);
}

/// A module of one vector.
struct Vector {
  paser::Parameter<float, 1> values;

  template <class Self, class F>
  static void visit(Self& self, F&& f) {
    f("values", self.values);
  }
};

void check_given_gradients(Case& c) {
  Vector model{{c.tensor<1>("init")}};
  const auto& given = c.stored("grads");
  const auto schedule = schedule_of(c, c.number("lr"));
  const Index size = model.values.value.numel();
  Trajectory trajectory;
  with_optimizer(c, [&](auto optimizer) {
    for (Index step = 0; step < c.integer("steps"); ++step) {
      const auto row = given.values.begin() + static_cast<std::ptrdiff_t>(step * size);
      paser::Gradients<float> gradients;
      gradients.add(&model.values,
                    Tensor<float, 1>::from({size}, std::vector<float>(row, row + static_cast<std::ptrdiff_t>(size))));
      optimizer.set_learning_rate(schedule(step));
      optimizer.step(model, gradients);
      trajectory.append(from_tensor(model.values.value));
    }
  });
  c.expect_numbers("traj", trajectory.rows);
}

/// The values of a schedule for epoch 0, 1, ...
void expect_schedule(Case& c, const std::string& role, const paser::optim::Schedule& schedule) {
  std::vector<double> values;
  for (Index epoch = 0; epoch < c.integer("epochs"); ++epoch) values.push_back(schedule(epoch));
  c.expect_numbers(role, values);
}

void check_lr_schedule(Case& c) {
  expect_schedule(c, "lr", schedule_of(c, c.number("base_lr")));
}

void check_linear_schedule(Case& c) {
  expect_schedule(c, "value", paser::optim::linear_schedule(c.number("start"), c.number("end"), c.integer("epochs")));
}

}  // namespace

void add_optim(Registry& checks) {
  checks["optim_linear_mse"] = check_linear_mse;
  checks["optim_given_grads"] = check_given_gradients;
  checks["lr_schedule"] = check_lr_schedule;
  checks["linear_schedule"] = check_linear_schedule;
}

}  // namespace fixtures
