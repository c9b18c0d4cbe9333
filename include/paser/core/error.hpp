#pragma once

#include <sstream>
#include <stdexcept>
#include <string>

namespace paser {

/// Base of every exception that paser throws on purpose. what() is a sentence: where, what was expected, what came.
struct Error : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// Tensors whose shapes do not fit the operation or each other.
struct ShapeError : Error {
  using Error::Error;
};

/// A value outside its legal range: a probability, a label, an option.
struct ValueError : Error {
  using Error::Error;
};

/// A file whose content is not what its format says; the message names the file.
struct FormatError : Error {
  using Error::Error;
};

/// The operating system refused: a missing file, a full disk, no permission; the message names the path.
struct IoError : Error {
  using Error::Error;
};

/// The parts, streamed one after the other into one string.
template <class... Parts>
std::string message(const Parts&... parts) {
  std::ostringstream out;
  (out << ... << parts);
  return out.str();
}

/// Throws E("where: parts...") unless `ok`. The message is only built when it is needed.
template <class E = ShapeError, class... Parts>
void check(bool ok, const char* where, const Parts&... parts) {
  if (!ok) [[unlikely]]
    throw E(message(where, ": ", parts...));
}

}  // namespace paser
