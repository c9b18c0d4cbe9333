#pragma once

#include <iostream>

/// The last thing that a program looks at.
namespace program {

/// The exit status of a program that has printed all it has to say: `status`, or 1 and a message when standard output,
/// say a file on a full disk, did not take it.
inline int printed(int status) {
  std::cout.flush();
  if (std::cout) return status;
  std::cerr << "error: standard output could not be written; is its disk full?\n";
  return status == 0 ? 1 : status;
}

}  // namespace program
