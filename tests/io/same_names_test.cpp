#include <catch2/catch.hpp>

#include "paser/io/checkpoint.hpp"
#include "paser/io/published_weights.hpp"
#include "paser/nn/linear.hpp"
#include "paser/optim/sgd.hpp"

namespace same_names_test {

using namespace paser;
using Catch::Contains;

/// A list "down" whose element is "down1", and a member that is called so too.
struct Net {
  std::vector<nn::Linear<float>> down{{2, 2, Key{1}}};
  nn::Linear<float> other{2, 2, Key{2}};

  template <class Self, class F>
  static void visit(Self& self, F&& f) {
    f("down", self.down);
    f("down1", self.other);
  }
};

/// Two tensors that are not called alike, unless a rule makes it so.
struct Pair {
  nn::Linear<float> a{2, 2, Key{1}}, b{2, 2, Key{2}};

  template <class Self, class F>
  static void visit(Self& self, F&& f) {
    f("a", self.a);
    f("b", self.b);
  }
};

TEST_CASE("two members of one name are not stored, loaded or trained, as one of them would be lost") {
  Net net;
  CHECK_THROWS_AS(io::state_dict(net), ValueError);
  CHECK_THROWS_WITH(io::state_dict(net), Contains("two members are called 'down1.weight'"));
  CHECK_THROWS_AS(io::Checkpoint().put("net", net), ValueError);
  io::StateDict state;
  state["down1.weight"] = io::RawTensor::of(Tensor<float, 2>::zeros({2, 2}));
  state["down1.bias"] = io::RawTensor::of(Tensor<float, 1>::zeros({2}));
  CHECK_THROWS_AS(io::load_state_dict(net, state, "net.pt"), ValueError);
  CHECK_THROWS_WITH(io::load_state_dict(net, state, "net.pt"),
                    Contains("net.pt") && Contains("two members are called 'down1.weight'"));
  CHECK(net.other.weight.value(0, 0) != 0);
  optim::Sgd<float> sgd({.learning_rate = 0.1});
  CHECK_THROWS_AS(sgd.bind(net), ValueError);
  CHECK_THROWS_WITH(sgd.bind(net), Contains("two parameters are called 'down1.weight'"));
}

TEST_CASE("two tensors of one published name are not published") {
  io::PublishedNames names, parts;
  names.rename("a", "b");
  parts.rows("a", {"b", "c"});
  Pair pair;
  const auto kinds = io::weight_kinds(pair);
  const auto one_name = Contains("'b.bias' is published as 'a.bias', and so is another tensor");
  CHECK_THROWS_AS(io::to_published(io::state_dict(pair), kinds, names), ValueError);
  CHECK_THROWS_WITH(io::to_published(io::state_dict(pair), kinds, names), one_name);
  CHECK_THROWS_WITH(io::to_published(io::state_dict(pair), kinds, parts), one_name);
  CHECK_THROWS_AS(io::published_shapes(pair, names), ValueError);
  CHECK_THROWS_AS(io::published_shapes(pair, parts), ValueError);
  const io::StateDict published = io::published_state(pair);
  CHECK_THROWS_AS(io::load_published(pair, published, names), ValueError);
  names.rename("b", "a");  // both change places
  Pair other;
  other.a.weight.value.mutable_data()[0] = 7;
  io::load_published(other, published, names);
  CHECK(other.a.weight.value(0, 0) == pair.b.weight.value(0, 0));
  CHECK(other.b.weight.value(0, 0) == pair.a.weight.value(0, 0));
}

}  // namespace same_names_test
