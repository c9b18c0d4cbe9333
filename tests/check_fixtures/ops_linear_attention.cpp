#include "families.hpp"
#include "paser/io/torch_layout.hpp"
#include "paser/ops/attention.hpp"
#include "paser/ops/linear.hpp"
#include "paser/ops/matmul.hpp"
#include "run_op.hpp"

namespace fixtures {

namespace {

using paser::Index;
using paser::Shape;
using paser::Tensor;

constexpr auto linear_kind = paser::io::WeightKind::linear;

void check_linear(Case& c) {
  with_rank<2>(c.stored("input"), [&c]<int Rank>() {
    const auto x = c.tensor<Rank>("input"), dy = c.tensor<Rank>("grad_output");
    const auto weight = paser::io::weight_from_torch(c.tensor<2>("weight"), linear_kind);
    const auto op = [](const auto&... operands) { return paser::linear(operands...); };
    const auto compare = [&c](const auto& run) {
      c.expect("output", run.output);
      c.expect("grad_input", std::get<0>(run.gradients));
      c.expect("grad_weight", paser::io::weight_to_torch(std::get<1>(run.gradients), linear_kind));
      if constexpr (std::tuple_size_v<std::remove_cvref_t<decltype(run.gradients)>> == 3)
        c.expect("grad_bias", std::get<2>(run.gradients));
    };
    if (c.flag("bias")) {
      compare(run_op(c, op, dy, x, weight, c.tensor<1>("bias")));
    } else {
      compare(run_op(c, op, dy, x, weight));
    }
  });
}

void check_matmul(Case& c) {
  with_rank<2>(c.stored("input0"), [&c]<int Rank>() {
    const auto run = run_op(
        c, [](const auto& a, const auto& b) { return paser::matmul(a, b); }, c.tensor<Rank>("grad_output"),
        c.tensor<Rank>("input0"), c.tensor<Rank>("input1"));
    c.expect("output", run.output);
    c.expect("grad_input0", std::get<0>(run.gradients));
    c.expect("grad_input1", std::get<1>(run.gradients));
  });
}

/// (B, heads, S, S): one identity matrix a head.
Tensor<float, 4> identities(const Shape<4>& key) {
  auto eye = Tensor<float, 4>::zeros({key[0], key[1], key[2], key[2]});
  float* out = eye.mutable_data();
  for (Index i = 0; i < key[0] * key[1] * key[2]; ++i) out[i * key[2] + i % key[2]] = 1;
  return eye;
}

void check_attention(Case& c) {
  const double scale = c.number("scale");
  const auto query = c.tensor<4>("query"), key = c.tensor<4>("key");
  const auto run = run_op(
      c, [scale](const auto& q, const auto& k, const auto& v) { return paser::attention(q, k, v, scale); },
      c.tensor<4>("grad_output"), query, key, c.tensor<4>("value"));
  c.expect("output", run.output);
  c.expect("grad_query", std::get<0>(run.gradients));
  c.expect("grad_key", std::get<1>(run.gradients));
  c.expect("grad_value", std::get<2>(run.gradients));
  // Attending to identity matrices gives the weights of the attention.
  c.expect("probs", paser::attention(query, key, identities(key.shape()), scale));
}

}  // namespace

void add_linear_attention(Registry& checks) {
  checks["linear"] = check_linear;
  checks["matmul"] = check_matmul;
  checks["attention"] = check_attention;
}

}  // namespace fixtures
