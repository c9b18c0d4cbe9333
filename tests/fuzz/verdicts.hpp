#pragma once

#include <cstdio>

#include "draw.hpp"

/// Shared by the fuzzers that read a file twice, by paser and by the library that its format is known by.
namespace fuzz {

/// What came of it. paser may refuse what the other takes, and that is counted; it may not take what the other refuses,
/// nor give another answer.
struct Verdicts {
  long same = 0, refused = 0, stricter = 0;

  ~Verdicts() { std::printf("the same %ld, refused by both %ld, by paser alone %ld\n", same, refused, stricter); }

  /// `reason`: why the other refuses, where it does.
  template <class Equal>
  void judge(bool ours, bool theirs, const std::string& reason, const Equal& equal) {
    if (ours && !theirs) finding("paser takes what the other refuses: ", reason);
    if (ours && !equal()) finding("paser gives another answer");
    ++(ours ? same : theirs ? stricter : refused);
  }
};

inline Verdicts& verdicts() {
  static Verdicts all;
  return all;
}

}  // namespace fuzz
