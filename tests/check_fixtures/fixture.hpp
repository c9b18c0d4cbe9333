#pragma once

#include <array>
#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "compare.hpp"
#include "layout.hpp"

namespace fixtures {

/// The parts between the commas; none for an empty text.
std::vector<std::string> split(const std::string& list);

/// A fixture file read whole: its cases, their settings, tensors and bounds.
class FixtureFile {
 public:
  /// Throws paser::FormatError when the file is no safetensors file of schema paser-fixtures/1, or when it holds a
  /// tensor that belongs to none of the cases it lists.
  explicit FixtureFile(const std::filesystem::path& path);

  const std::string& name() const { return name_; }
  const std::vector<std::string>& cases() const { return cases_; }
  /// Null when absent.
  const std::string* metadata(const std::string& key) const;
  const Stored* tensor(const std::string& key) const;
  const std::map<std::string, Stored>& tensors() const { return tensors_; }

 private:
  std::string name_;
  std::vector<std::string> cases_;
  std::map<std::string, std::string> metadata_;
  std::map<std::string, Stored> tensors_;
};

/// One case: what to run and with what, and the record of what has been compared.
class Case {
 public:
  Case(const FixtureFile& file, std::string name) : file_(file), name_(std::move(name)) {}

  const std::string& name() const { return name_; }
  /// Another case of the same file, for the inputs and weights that it holds.
  Case other(const std::string& name) const { return {file_, name}; }

  // Settings. Those without a fallback throw paser::FormatError when the setting is absent or not of the type asked
  // for.
  bool has(const std::string& setting) const { return file_.metadata(name_ + "." + setting) != nullptr; }
  std::string text(const std::string& setting) const;
  std::string text(const std::string& setting, const std::string& fallback) const;
  double number(const std::string& setting) const;
  double number(const std::string& setting, double fallback) const;
  paser::Index integer(const std::string& setting) const;
  paser::Index integer(const std::string& setting, paser::Index fallback) const;
  bool flag(const std::string& setting) const;
  bool flag(const std::string& setting, bool fallback) const;
  std::vector<std::string> texts(const std::string& setting) const;
  std::vector<double> numbers(const std::string& setting) const;
  std::vector<paser::Index> integers(const std::string& setting) const;
  /// Exactly two integers: height and width.
  std::array<paser::Index, 2> pair(const std::string& setting) const;

  // Inputs.
  bool has_tensor(const std::string& role) const { return file_.tensor(name_ + "/" + role) != nullptr; }
  const Stored& stored(const std::string& role) const;
  /// The roles that start with `prefix`, the prefix taken off.
  std::vector<std::string> roles(const std::string& prefix) const;
  template <int Rank>
  paser::Tensor<float, Rank> tensor(const std::string& role) const {
    return to_tensor<float, Rank>(stored(role));
  }
  /// The same with one axis moved behind all others; axis 1 makes (N,H,W,C) of (N,C,H,W).
  template <int Rank>
  paser::Tensor<float, Rank> channels_last(const std::string& role, paser::Index axis = 1) const {
    return to_tensor<float, Rank>(axis_to_last(stored(role), axis));
  }
  paser::Tensor<float, 4> image(const std::string& role) const { return channels_last<4>(role); }
  /// Class indices of images: integers of rank 2 or 3, (H,W) being one image.
  paser::Labels labels(const std::string& role) const;

  // Results, in the stored layout. Every tensor of the file that has a bound must be given once; a result that the file
  // does not store is ignored.
  void expect(const std::string& role, const Stored& got);
  template <class T, int Rank>
  void expect(const std::string& role, const paser::Tensor<T, Rank>& got) {
    if (has_tensor(role)) expect(role, from_tensor(got));
  }
  /// The last axis of `got` is number `axis` of the stored tensor; for axis 1, (N,H,W,C) is stored as (N,C,H,W).
  template <class T, int Rank>
  void expect_channels_last(const std::string& role, const paser::Tensor<T, Rank>& got, paser::Index axis = 1) {
    if (has_tensor(role)) expect(role, axis_from_last(from_tensor(got), axis));
  }
  void expect_image(const std::string& role, const paser::Tensor<float, 4>& got) { expect_channels_last(role, got); }
  void expect_numbers(const std::string& role, std::vector<double> got);
  void expect_number(const std::string& role, double got) { expect_numbers(role, {got}); }
  /// The same under bounds of the caller's own.
  void expect_within(const std::string& role, const Stored& got, const Bounds& bounds);
  /// Up to `allowed` entries may differ.
  void expect_mismatches(const std::string& role, const Stored& got, paser::Index allowed);
  /// A stored tensor has been held against a rule of its own; `problem` is empty when it keeps it.
  void expect_rule(const std::string& role, const std::string& problem, double excess = 1);
  /// Something that is no stored tensor, such as a setting, must hold.
  void expect_that(bool holds, const std::string& key, const std::string& problem);
  /// A tensor with a bound for which another, equally acceptable one is compared instead.
  void waive(const std::string& role) { seen_.insert(role); }

  Bounds bounds(const std::string& role) const;

  /// Closes the record: tensors that have a bound but were not compared become failures, as does a case that compared
  /// nothing. Returns all failures, the worst first.
  std::vector<Failure> finish();
  paser::Index compared() const { return compared_; }

 private:
  const std::string& setting(const std::string& key) const;
  void record(const std::string& role, std::optional<Failure> failure);

  const FixtureFile& file_;
  std::string name_;
  std::set<std::string> seen_;
  std::vector<Failure> failures_;
  paser::Index compared_ = 0;
};

/// What runs a case of one op.
using Check = void (*)(Case&);
using Registry = std::map<std::string, Check>;

}  // namespace fixtures
