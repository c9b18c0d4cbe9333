#pragma once

#include <functional>
#include <map>
#include <mutex>
#include <utility>
#include <vector>

#include "paser/core/text.hpp"
#include "paser/core/typed_spec.hpp"

namespace paser {

/// Makers of one kind of part by the name of its type, for files that name what they hold. There is one registry for
/// each Value and Arguments; threads may use it at the same time.
template <class Value, class... Arguments>
class Registry {
 public:
  using Maker = std::function<Value(const std::string& json, const Arguments&...)>;

  static Registry& instance() {
    static Registry registry;
    return registry;
  }

  /// Makes a type known; returns true, so that a variable at namespace scope can hold the call. The later of two makers
  /// of one name counts.
  bool add(const std::string& type, Maker maker) {
    const std::lock_guard lock(mutex_);
    makers_[type] = std::move(maker);
    return true;
  }

  std::vector<std::string> types() const {
    const std::lock_guard lock(mutex_);
    std::vector<std::string> names;
    for (const auto& entry : makers_) names.push_back(entry.first);
    return names;
  }

  /// The part of this specification. `what` names the kind in errors. Throws FormatError when the type is not known,
  /// and what its maker throws.
  Value make(const char* what, const TypedSpec& spec, const Arguments&... arguments) const {
    Maker maker;
    {
      const std::lock_guard lock(mutex_);
      if (const auto found = makers_.find(spec.type); found != makers_.end()) maker = found->second;
    }
    if (!maker)
      throw FormatError(unknown_name(what, spec.type, types()) +
                        "; a type of one's own is known once the program includes what registers it");
    return maker(spec.json, arguments...);
  }

 private:
  mutable std::mutex mutex_;
  std::map<std::string, Maker> makers_;
};

}  // namespace paser
