#pragma once

#include <string>

#include "paser/models/model_spec.hpp"

namespace command {

/// A network of the registry as it is written on a command line: NAME:JSON, or NAME alone.
inline paser::models::ModelSpec network_named(const std::string& text) {
  const auto colon = text.find(':');
  return {text.substr(0, colon), colon == std::string::npos ? "{}" : text.substr(colon + 1)};
}

}  // namespace command
