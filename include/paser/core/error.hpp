#pragma once
#include "paser/core/macros_off.inc"

#include <initializer_list>
#include <locale>
#include <sstream>
#include <stdexcept>
#include <string>
#include <type_traits>

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

/// A number that is NaN or infinite where arithmetic should have given a finite one: in a loss, a gradient, weights, or
/// in what would become a label. The message names the tensor, and in training the stage and the step.
struct NotFiniteError : Error {
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

namespace detail {

/// One part of a message, its type forgotten: sentences are rare, and so each place that may throw one stays small.
class MessagePart {
 public:
  MessagePart(const char* text)
      : value_(text), print_([](std::ostream& out, const void* v) { out << static_cast<const char*>(v); }) {}

  template <class T>
  requires(!std::is_array_v<T> && !std::is_convertible_v<T, const char*>) MessagePart(const T& value)
      : value_(&value), print_([](std::ostream& out, const void* v) { out << *static_cast<const T*>(v); }) {}

  friend std::ostream& operator<<(std::ostream& out, const MessagePart& part) {
    part.print_(out, part.value_);
    return out;
  }

 private:
  const void* value_;
  void (*print_)(std::ostream&, const void*);
};

inline std::string joined(std::initializer_list<MessagePart> parts) {
  std::ostringstream out;
  out.imbue(std::locale::classic());  // a host's locale may group the digits of numbers
  for (const MessagePart& part : parts) out << part;
  return out.str();
}

template <class E>
[[noreturn]] void fail(const char* where, std::initializer_list<MessagePart> parts) {
  throw E(std::string(where) + ": " + joined(parts));
}

}  // namespace detail

/// The parts, streamed one after the other into one string; the same in every locale.
template <class... Parts>
std::string message(const Parts&... parts) {
  return detail::joined({detail::MessagePart(parts)...});
}

/// Throws E("where: parts...") unless `ok`. The message is only built when it is needed.
template <class E = ShapeError, class... Parts>
void check(bool ok, const char* where, const Parts&... parts) {
  if (!ok) [[unlikely]]
    detail::fail<E>(where, {detail::MessagePart(parts)...});
}

}  // namespace paser
#include "paser/core/macros_on.inc"
