#pragma once

#include <tuple>

#include "fixture.hpp"
#include "paser/autograd/tape.hpp"

namespace fixtures {

template <class Output, class... Inputs>
struct OpRun {
  Output output;
  std::tuple<Inputs...> gradients;  ///< of sum(output * grad_output), one for each input
};

/// Runs op on tensors and, recorded, on variables; the two must give the same value. `grad_output` is in our layout.
template <class Op, int Rank, class... Inputs>
OpRun<paser::Tensor<float, Rank>, Inputs...> run_op(Case& c, Op&& op, const paser::Tensor<float, Rank>& grad_output,
                                                    const Inputs&... inputs) {
  paser::Tape<float> tape;
  const auto variables = std::make_tuple(tape.variable(inputs)...);
  const paser::Var<float, Rank> y = std::apply(op, variables);
  const paser::Tensor<float, Rank> plain = op(inputs...);
  c.expect_that(plain.shape() == y.shape() && max_abs_difference(plain, y.value()) == 0, "output",
                "differs between the recorded and the unrecorded op");
  tape.backward(y, grad_output);
  return {plain, std::apply([&tape](const auto&... v) { return std::make_tuple(tape.gradient(v)...); }, variables)};
}

/// Calls f.template operator()<Rank>() with the rank of a stored tensor, `lowest` to 5.
template <int lowest, class F>
void with_rank(const Stored& tensor, F&& f) {
  const std::size_t rank = tensor.shape.size();
  paser::check<paser::FormatError>(rank >= lowest && rank <= 5, "fixture", "a tensor of rank ", rank, ", expected ",
                                   lowest, " to 5");
  if constexpr (lowest <= 1) {
    if (rank == 1) return f.template operator()<1>();
  }
  if (rank == 2) return f.template operator()<2>();
  if (rank == 3) return f.template operator()<3>();
  if (rank == 4) return f.template operator()<4>();
  f.template operator()<5>();
}

}  // namespace fixtures
