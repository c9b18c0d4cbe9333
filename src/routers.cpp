// The trainings of routers, which a program then need not compile. The header defines these functions in place; here
// something refers to them, so that they become symbols of the library.
#include "paser/pipeline/routing/fitting/heads.hpp"

namespace {

[[gnu::used]] constexpr auto gain_router = &paser::pipeline::fit_gain_router;
[[gnu::used]] constexpr auto patch_policy = &paser::pipeline::train_patch_policy;

}  // namespace
