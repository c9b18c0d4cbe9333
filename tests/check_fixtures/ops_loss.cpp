#include "families.hpp"
#include "paser/ops/distillation.hpp"
#include "run_op.hpp"

namespace fixtures {

namespace {

using paser::CrossEntropyOptions;
using paser::Tensor;

CrossEntropyOptions entropy_spec(const Case& c) {
  CrossEntropyOptions spec;
  if (c.has_tensor("class_weight")) spec.class_weight = c.stored("class_weight").values;
  if (c.has("ignore_index")) spec.ignore_index = static_cast<std::int32_t>(c.integer("ignore_index"));
  return spec;
}

void check_ce_index(Case& c) {
  with_rank<2>(c.stored("logits"), [&c]<int Rank>() {
    const auto target = to_tensor<std::int32_t, Rank - 1>(c.stored("target"));
    const auto run = run_op(
        c, [&, spec = entropy_spec(c)](const auto& logits) { return paser::cross_entropy(logits, target, spec); },
        c.tensor<1>("grad_output"), c.channels_last<Rank>("logits"));
    c.expect("output", run.output);
    c.expect_channels_last("grad_logits", std::get<0>(run.gradients));
  });
}

void check_ce_prob(Case& c) {
  with_rank<2>(c.stored("logits"), [&c]<int Rank>() {
    const auto target = c.channels_last<Rank>("target_prob");
    const auto run = run_op(
        c, [&, spec = entropy_spec(c)](const auto& logits) { return paser::cross_entropy(logits, target, spec); },
        c.tensor<1>("grad_output"), c.channels_last<Rank>("logits"));
    c.expect("output", run.output);
    c.expect_channels_last("grad_logits", std::get<0>(run.gradients));
  });
}

/// A loss of student and teacher that is differentiated by both.
template <class Loss>
void check_pair(Case& c, const Loss& loss) {
  with_rank<2>(c.stored("student"), [&]<int Rank>() {
    const auto run =
        run_op(c, loss, c.tensor<1>("grad_output"), c.channels_last<Rank>("student"), c.channels_last<Rank>("teacher"));
    c.expect("output", run.output);
    c.expect_channels_last("grad_student", std::get<0>(run.gradients));
    c.expect_channels_last("grad_teacher", std::get<1>(run.gradients));
  });
}

void check_kd_mse(Case& c) {
  check_pair(c, [](const auto& student, const auto& teacher) { return paser::mean_squared_error(student, teacher); });
}

/// What the sum over pixels and classes is divided by; nothing said is "batchmean".
std::optional<double> kl_total(const Case& c) {
  const std::string reduction = c.text("reduction", "batchmean");
  if (reduction == "batchmean") return std::nullopt;
  if (reduction == "sum") return 1;
  if (reduction == "mean") return static_cast<double>(c.stored("student").values.size());
  throw paser::FormatError("fixture: unknown reduction '" + reduction + "'");
}

void check_kd_kl(Case& c) {
  check_pair(c, [temperature = c.number("temperature"), total = kl_total(c)](const auto& student, const auto& teacher) {
    return paser::kl_divergence(student, teacher, temperature, total);
  });
}

void check_distill_total(Case& c) {
  const auto teacher = c.image("teacher"), target = c.image("target_prob");
  paser::DistillationOptions spec{.alpha = c.number("alpha_kd")};
  const std::string kind = c.text("kd");
  paser::check<paser::FormatError>(kind == "mse" || kind == "kl", "fixture", "kd is '", kind, "', expected mse or kl");
  if (kind == "kl") {
    spec.kind = paser::DistillationOptions::Kind::kl;
    spec.temperature = c.number("temperature");
  }
  const auto run = run_op(
      c,
      [&](const auto& student) {
        return paser::distillation_loss(student, teacher, target, entropy_spec(c), spec).total;
      },
      c.tensor<1>("grad_output"), c.image("student"));
  c.expect("output", run.output);
  c.expect_image("grad_student", std::get<0>(run.gradients));
}

}  // namespace

void add_loss(Registry& checks) {
  checks["ce_index"] = check_ce_index;
  checks["ce_prob"] = check_ce_prob;
  checks["kd_mse"] = check_kd_mse;
  checks["kd_kl"] = check_kd_kl;
  checks["distill_total"] = check_distill_total;
}

}  // namespace fixtures
