#include "closed_form.hpp"
#include "families.hpp"

namespace fixtures {

namespace {

/// Roles u0, u1, ...: the stream of the name and seed at that place of the two lists. Also pins the rules of
/// closed_form_values to the stream they are built from.
void check_hash_uniform(Case& c) {
  const auto names = c.texts("names");
  const auto seeds = c.integers("seeds");
  c.expect_that(names.size() == seeds.size(), "seeds", "one for each name expected");
  for (std::size_t i = 0; i < std::min(names.size(), seeds.size()); ++i) {
    const std::string role = "u" + std::to_string(i);
    const HashStream u(names[i], static_cast<std::uint32_t>(seeds[i]));
    Stored got{c.stored(role).shape, {}};
    for (std::size_t k = 0; k < c.stored(role).values.size(); ++k)
      got.values.push_back(u(static_cast<paser::Index>(k)));
    c.expect(role, got);
  }
}

}  // namespace

void add_hash(Registry& checks) {
  checks["hash_uniform"] = check_hash_uniform;
}

}  // namespace fixtures
