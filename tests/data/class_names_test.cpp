#include "paser/data/class_names.hpp"

#include <catch2/catch.hpp>

namespace class_names_test {

using namespace paser;
using namespace paser::data;
using Names = std::vector<std::string>;

TEST_CASE("classes of data and of a model are the same by their names, where both have names") {
  const Names model{"pore", "metal", "crack"};
  CHECK(same_classes(model, model) == SameClasses::yes);
  CHECK(same_classes({"pore", "metal"}, model) == SameClasses::yes);
  CHECK(same_classes({"metal", "pore", "crack"}, model) == SameClasses::reordered);
  CHECK(same_classes({"metal", "pore"}, model) == SameClasses::no);
  CHECK(same_classes({"pore", "metal", "void"}, model) == SameClasses::no);
  CHECK(same_classes({"pore", "metal", "crack", "void"}, model) == SameClasses::no);
  const Names numbered = class_names(LabelEncoding::index(3));
  CHECK(numbered == Names{"class 0", "class 1", "class 2"});
  CHECK_FALSE(have_names(numbered));
  CHECK(same_classes(numbered, model) == SameClasses::yes);
  CHECK(same_classes(model, numbered) == SameClasses::yes);
  CHECK(same_classes({}, model) == SameClasses::yes);
  CHECK(same_classes(class_names(LabelEncoding::battery()), {"carbon", "pore", "nickel"}) == SameClasses::reordered);
}

TEST_CASE("of many classes a message has the first ones") {
  CHECK(listed_classes({"pore", "metal"}) == "'pore', 'metal'");
  const std::string many = listed_classes(class_names(LabelEncoding::index(30)));
  CHECK(many.ends_with("'class 19' and 10 more"));
}

}  // namespace class_names_test
