#pragma once

#include <algorithm>

#include "paser/io/checkpoint.hpp"
#include "paser/pipeline/stage.hpp"

/// Trains with an interruption after every `every` steps and resumes from the file until it is done. train(stage)
/// returns false when it was interrupted.
template <class Train>
void in_pieces(paser::Index every, const paser::io::Path& file, const Train& train) {
  for (bool finished = false; !finished;) {
    paser::Index steps = 0;
    paser::pipeline::Stage stage{.name = "toy", .file = file};
    stage.callbacks.interrupted = [&] { return ++steps >= every; };
    finished = train(stage);
  }
}

/// Whether two models have the same parameters and buffers, bit by bit.
template <class Model>
bool same_state(const Model& one, const Model& two) {
  const paser::io::StateDict a = paser::io::state_dict(one), b = paser::io::state_dict(two);
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const auto& x, const auto& y) {
    return x.first == y.first && std::ranges::equal(x.second.bytes.values(), y.second.bytes.values());
  });
}
