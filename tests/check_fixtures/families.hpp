#pragma once

#include "fixture.hpp"

/// One function a family of ops, each in the file of its name: adds its checks to the table.
namespace fixtures {

void add_hash(Registry& checks);
void add_conv(Registry& checks);
void add_pool_resize(Registry& checks);
void add_norm(Registry& checks);
void add_activation(Registry& checks);
void add_linear_attention(Registry& checks);
void add_loss(Registry& checks);
void add_optim(Registry& checks);
void add_models(Registry& checks);
void add_policy(Registry& checks);
void add_state(Registry& checks);
void add_metrics(Registry& checks);
void add_routing(Registry& checks);
void add_reinforce(Registry& checks);
void add_rl_step(Registry& checks);
void add_finetune_step(Registry& checks);
void add_pretrain_steps(Registry& checks);
void add_imaging(Registry& checks);
void add_flops(Registry& checks);

}  // namespace fixtures
