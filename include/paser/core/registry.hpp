#pragma once
#include "paser/core/macros_off.inc"

#include <concepts>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "paser/core/error.hpp"
#include "paser/core/text.hpp"

namespace paser {

/// Makers of one kind of part by the name of its type, for files that name what they hold: one registry per type Maker.
/// Threads may use it at the same time.
template <std::equality_comparable Maker>
class Registry {
 public:
  /// The one registry of the program.
  static Registry& instance() {
    static Registry registry;
    return registry;
  }

  /// Makes a name known. The same name once more with the same maker changes nothing, with another one, or a name that
  /// JSON would have to escape, throws ValueError. Returns true, so that it can be the value of a variable.
  bool add(const std::string& name, Maker maker) {
    check<ValueError>(!name.empty() && name.find_first_of("\"\\") == std::string::npos, "Registry", "'", name,
                      "' is no name; expected one without quotes and backslashes");
    const std::lock_guard lock(mutex_);
    const auto known = makers_.emplace(name, maker);
    check<ValueError>(known.second || known.first->second == maker, "Registry", "there is another maker of the name '",
                      name, "' already");
    return true;
  }

  /// In alphabetical order.
  std::vector<std::string> names() const {
    const std::lock_guard lock(mutex_);
    std::vector<std::string> list;
    for (const auto& entry : makers_) list.push_back(entry.first);
    return list;
  }

  /// The maker of this name. Throws ValueError with the names that are known, and `hint`; `what` is the kind of part.
  Maker find(const char* what, const std::string& name, const char* hint) const {
    {
      const std::lock_guard lock(mutex_);
      if (const auto known = makers_.find(name); known != makers_.end()) return known->second;
    }
    throw ValueError(unknown_name(what, name, names()) + hint);
  }

 private:
  mutable std::mutex mutex_;
  std::map<std::string, Maker> makers_;
};

}  // namespace paser
#include "paser/core/macros_on.inc"
