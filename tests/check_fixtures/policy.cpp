#include "families.hpp"
#include "networks.hpp"

namespace fixtures {

namespace {

using paser::models::PolicyNet;

void load_weights(const Case& c, PolicyNet<float>& policy, const paser::io::NameTable& names) {
  const Case source = c.other(c.text("weights_from"));
  if (source.text("init") != "stored") {
    load_closed_form(policy, names, static_cast<std::uint32_t>(source.integer("seed")));
    return;
  }
  auto state = stored_state(source, "param/");
  state.merge(stored_state(source, "buffer/"));
  paser::io::load_torch_state_dict(policy, state, names);
}

/// How many batches each batch norm had seen; closed-form networks have seen none.
std::map<std::string, double> batches_before(const Case& c) {
  std::map<std::string, double> counts;
  const Case source = c.other(c.text("weights_from"));
  const std::string counter = ".num_batches_tracked";
  for (const std::string& name : source.roles("buffer/"))
    if (name.ends_with(counter))
      counts[name.substr(0, name.size() - counter.size())] = source.stored("buffer/" + name).values.at(0);
  return counts;
}

void check_policy(Case& c) {
  PolicyNet<float> policy(c.integer("actions"), paser::Key{});
  const auto names = paser::io::policy_names();
  load_weights(c, policy, names);
  const bool training = c.flag("training");
  for (auto* norm : {&policy.norm1, &policy.block.norm1, &policy.block.norm2, &policy.block.shortcut_norm}) {
    norm->options.eps = c.number("bn_eps", norm->options.eps);
    norm->options.momentum = c.number("bn_momentum", norm->options.momentum);
  }

  paser::TapeContext<float> ctx({.dropout = false, .batch_statistics = training});
  const auto belief = ctx.tape().variable(c.image("input"));
  const auto logits = policy(ctx, belief);
  c.expect("logits", logits.value());
  const auto gradients = ctx.backward(logits, c.tensor<2>("grad_output"));
  c.expect_image("grad_input", ctx.tape().gradient(belief));
  expect_gradients(c, torch_gradients(policy, gradients, names));
  expect_buffers(c, policy, gradients, names, "", batches_before(c));
}

}  // namespace

void add_policy(Registry& checks) {
  checks["policy"] = check_policy;
}

}  // namespace fixtures
