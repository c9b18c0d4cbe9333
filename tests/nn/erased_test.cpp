#include "paser/nn/erased.hpp"

#include <catch2/catch.hpp>

namespace erased_test {

using namespace paser;
using Catch::Contains;

struct Base {
  virtual ~Base() = default;
  virtual std::unique_ptr<Base> clone() const = 0;
  virtual int value() const = 0;
};

struct Seven final : Base {
  std::unique_ptr<Base> clone() const override { return std::make_unique<Seven>(); }
  int value() const override { return 7; }
};

TEST_CASE("use and copy of an erased object that was moved away are told") {
  nn::Cloned<Base> a(std::make_unique<Seven>());
  auto b = std::move(a);
  CHECK(b->value() == 7);
  CHECK(a.get() == nullptr);
  CHECK_THROWS_WITH(a->value(), Contains("moved away"));
  CHECK_THROWS_AS(nn::Cloned<Base>(a), ValueError);
  a = b;
  CHECK(a->value() == 7);
}

}  // namespace erased_test
