#pragma once
#include "paser/core/macros_off.inc"

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "paser/core/error.hpp"

namespace paser::io {

/// What the tensors of a network of ours are called in a published checkpoint. A rule speaks of a module or of a tensor
/// and holds for all that begins with its name and a dot; the rule with the longest name holds. What no rule speaks of
/// has one name, so an empty table is that of a network whose members are named after the checkpoint. A rule that no
/// tensor of the network needs is no error: one table serves all sizes of a network, not all of which have every
/// module.
///
///   PublishedNames names;
///   names.rename("backbone.norm1", "encoder.layer_norm.0");
///   names.rows("backbone.block1.0.attn.kv", {"encoder.block.0.0.key", "encoder.block.0.0.value"});
///   names.ignore("decode_head.conv_seg");
class PublishedNames {
 public:
  /// Where a tensor of ours is published: as rows part / parts .. (part + 1) / parts of a tensor.
  struct Place {
    std::string name;
    std::size_t part = 0, parts = 1;
  };

  /// A published module or tensor is called otherwise here.
  void rename(const std::string& published, const std::string& ours) { rows(published, {ours}); }

  /// The rows of a published tensor, cut into equal parts, are these tensors of ours.
  void rows(const std::string& published, const std::vector<std::string>& ours) {
    check<ValueError>(!ours.empty() && ours_.emplace(published, ours).second, "PublishedNames", "'", published,
                      "' has a rule already, or one without a name of ours");
    for (std::size_t i = 0; i < ours.size(); ++i)
      check<ValueError>(published_.emplace(ours[i], Place{published, i, ours.size()}).second, "PublishedNames", "'",
                        ours[i], "' has two published names");
  }

  /// Checkpoints hold these, but the network does not use them.
  void ignore(const std::string& published) { ours_.emplace(published, std::vector<std::string>{}); }

  /// Our names of a published tensor, several where its rows are cut; none where it is ignored.
  std::vector<std::string> ours(const std::string& published) const {
    const auto [rule, rest] = longest(ours_, published);
    if (rule == nullptr) return {published};
    std::vector<std::string> names = *rule;
    for (std::string& name : names) name += rest;
    return names;
  }

  /// Where a tensor of ours is published.
  Place published(const std::string& ours) const {
    const auto [rule, rest] = longest(published_, ours);
    return rule ? Place{rule->name + rest, rule->part, rule->parts} : Place{ours};
  }

 private:
  /// The entry of the longest beginning of a name that ends before a dot, and the rest of the name.
  template <class Value>
  static std::pair<const Value*, std::string> longest(const std::map<std::string, Value>& table,
                                                      const std::string& name) {
    for (auto end = name.size(); end != std::string::npos && end > 0; end = name.rfind('.', end - 1)) {
      const auto found = table.find(name.substr(0, end));
      if (found != table.end()) return {&found->second, name.substr(end)};
    }
    return {nullptr, ""};
  }

  std::map<std::string, std::vector<std::string>> ours_;
  std::map<std::string, Place> published_;
};

}  // namespace paser::io
#include "paser/core/macros_on.inc"
