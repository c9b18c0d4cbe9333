#pragma once

#include <catch2/catch.hpp>
#include <string>
#include <tuple>
#include <type_traits>
#include <vector>

#include "paser/autograd/tape.hpp"
#include "paser/io/safetensors.hpp"
#include "paser/io/torch_layout.hpp"

/// Cases of one file of tests/fixtures: values that PyTorch computed, and how far from them we may be.
class OpFixtures {
 public:
  explicit OpFixtures(const std::string& name)
      : file_(paser::io::read_safetensors(std::string(PASER_TEST_DATA) + "/fixtures/" + name + ".safetensors")) {}

  /// A stored image in our layout, (N, H, W, C).
  paser::Tensor<float, 4> image(const std::string& key) const {
    return paser::io::nhwc_from_nchw(file_.at(key).as<float, 4>());
  }
  template <int Rank, class T = float>
  paser::Tensor<T, Rank> tensor(const std::string& key) const {
    return file_.at(key).as<T, Rank>();
  }
  bool has(const std::string& key) const { return file_.tensors.contains(key); }

  /// Checks a result, an image when of rank 4, against what is stored under the key.
  template <int Rank>
  void check(const std::string& key, const paser::Tensor<float, Rank>& got) const {
    INFO(key);
    const double tolerance = std::stod(file_.metadata.at("tol:" + key));
    if constexpr (Rank == 4)
      CHECK(paser::max_abs_difference(got, image(key)) <= tolerance);
    else
      CHECK(paser::max_abs_difference(got, tensor<Rank>(key)) <= tolerance);
  }

  /// Runs f on Vars of inputs (the case's tensors of the given roles), and checks its output and every input's
  /// gradient. f(vars...) returns a Var.
  template <class F, int... Ranks>
  void check_op(const std::string& name, const F& f, const std::vector<std::string>& roles,
                const paser::Tensor<float, Ranks>&... inputs) const {
    paser::Tape<float> tape;
    const std::tuple<paser::Var<float, Ranks>...> vars{tape.variable(inputs)...};
    const auto y = std::apply(f, vars);
    check(name + "/output", y.value());
    if constexpr (std::decay_t<decltype(y)>::rank == 4)
      tape.backward(y, image(name + "/grad_output"));
    else
      tape.backward(y, tensor<std::decay_t<decltype(y)>::rank>(name + "/grad_output"));
    std::size_t i = 0;
    std::apply([&](const auto&... v) { (check(name + "/grad_" + roles[i++], tape.gradient(v)), ...); }, vars);
  }

 private:
  paser::io::Safetensors file_;
};
