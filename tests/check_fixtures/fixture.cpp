#include "fixture.hpp"

#include <algorithm>
#include <charconv>
#include <limits>

namespace fixtures {

using paser::check;
using paser::FormatError;
using paser::Index;

std::vector<std::string> split(const std::string& list) {
  std::vector<std::string> parts;
  for (std::size_t begin = 0; begin <= list.size();) {
    const std::size_t end = std::min(list.find(',', begin), list.size());
    parts.push_back(list.substr(begin, end - begin));
    begin = end + 1;
  }
  return list.empty() ? std::vector<std::string>{} : parts;
}

namespace {

template <class Number>
Number parse(const std::string& key, const std::string& text) {
  Number value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  check<FormatError>(error == std::errc{} && end == text.data() + text.size(), "fixture", "setting ", key, " is '",
                     text, "', expected a number");
  return value;
}

}  // namespace

std::string Case::text(const std::string& s) const {
  return setting(s);
}
std::string Case::text(const std::string& s, const std::string& fallback) const {
  return has(s) ? text(s) : fallback;
}
double Case::number(const std::string& s) const {
  return parse<double>(s, setting(s));
}
double Case::number(const std::string& s, double fallback) const {
  return has(s) ? number(s) : fallback;
}
Index Case::integer(const std::string& s) const {
  return parse<Index>(s, setting(s));
}
Index Case::integer(const std::string& s, Index fallback) const {
  return has(s) ? integer(s) : fallback;
}
bool Case::flag(const std::string& s, bool fallback) const {
  return has(s) ? flag(s) : fallback;
}

bool Case::flag(const std::string& s) const {
  const std::string& value = setting(s);
  check<FormatError>(value == "0" || value == "1", "fixture", "setting ", s, " is '", value, "', expected 0 or 1");
  return value == "1";
}

std::vector<std::string> Case::texts(const std::string& s) const {
  return split(setting(s));
}

std::vector<double> Case::numbers(const std::string& s) const {
  std::vector<double> values;
  for (const std::string& part : texts(s)) values.push_back(parse<double>(s, part));
  return values;
}

std::vector<Index> Case::integers(const std::string& s) const {
  std::vector<Index> values;
  for (const std::string& part : texts(s)) values.push_back(parse<Index>(s, part));
  return values;
}

std::array<Index, 2> Case::pair(const std::string& s) const {
  const auto values = integers(s);
  check<FormatError>(values.size() == 2, "fixture", "setting ", s, " has ", values.size(), " values, expected 2");
  return {values[0], values[1]};
}

const std::string& Case::setting(const std::string& key) const {
  const std::string* value = file_.metadata(name_ + "." + key);
  check<FormatError>(value != nullptr, "fixture", "case ", name_, " has no setting '", key, "'");
  return *value;
}

const Stored& Case::stored(const std::string& role) const {
  const Stored* tensor = file_.tensor(name_ + "/" + role);
  check<FormatError>(tensor != nullptr, "fixture", "case ", name_, " has no tensor '", role, "'");
  return *tensor;
}

std::vector<std::string> Case::roles(const std::string& prefix) const {
  std::vector<std::string> found;
  const std::string start = name_ + "/" + prefix;
  for (auto entry = file_.tensors().lower_bound(start);
       entry != file_.tensors().end() && entry->first.starts_with(start); ++entry)
    found.push_back(entry->first.substr(start.size()));
  return found;
}

paser::Labels Case::labels(const std::string& role) const {
  Stored s = stored(role);
  if (s.shape.size() == 2) s.shape.insert(s.shape.begin(), 1);
  return to_tensor<std::int32_t, 3>(s);
}

Bounds Case::bounds(const std::string& role) const {
  const auto bound = [&](const std::string& kind) -> std::optional<double> {
    const std::string* value = file_.metadata(kind + ":" + name_ + "/" + role);
    return value ? std::optional(parse<double>(kind + ":" + role, *value)) : std::nullopt;
  };
  return {bound("tol"), bound("tolmean"), bound("toll2")};
}

void Case::record(const std::string& role, std::optional<Failure> failure) {
  seen_.insert(role);
  ++compared_;
  if (failure) failures_.push_back(std::move(*failure));
}

void Case::expect_within(const std::string& role, const Stored& got, const Bounds& bounds) {
  if (!has_tensor(role)) return;
  const Stored& truth = stored(role);
  record(role, compare(role, got.values, truth.values, truth.shape, bounds));
}

void Case::expect(const std::string& role, const Stored& got) {
  if (!has_tensor(role)) return;
  const Bounds allowed = bounds(role);
  if (allowed.any()) {
    expect_within(role, got, allowed);
  } else {
    expect_rule(role, "has no bound to be compared under");
  }
}

void Case::expect_numbers(const std::string& role, std::vector<double> got) {
  expect(role, {{}, std::move(got)});
}

void Case::expect_mismatches(const std::string& role, const Stored& got, Index allowed) {
  if (!has_tensor(role)) return;
  const Stored& truth = stored(role);
  record(role, compare_counting(role, got.values, truth.values, truth.shape, allowed));
}

void Case::expect_rule(const std::string& role, const std::string& problem, double excess) {
  record(role, problem.empty() ? std::nullopt : std::optional(Failure{role, problem, excess}));
}

void Case::expect_that(bool holds, const std::string& key, const std::string& problem) {
  if (!holds) failures_.push_back({key, problem, 1});
}

std::vector<Failure> Case::finish() {
  for (const std::string& role : roles("")) {
    const bool is_result = bounds(role).any() || role.starts_with("gradstat/");
    if (is_result && !seen_.contains(role))
      failures_.push_back({role, "was not compared", std::numeric_limits<double>::infinity()});
  }
  if (compared_ == 0) failures_.push_back({"-", "nothing was compared", std::numeric_limits<double>::infinity()});
  std::stable_sort(failures_.begin(), failures_.end(),
                   [](const auto& a, const auto& b) { return a.excess > b.excess; });
  return failures_;
}

}  // namespace fixtures
