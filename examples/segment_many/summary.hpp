#pragma once

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "paser/core/tensor.hpp"
#include "paser/core/text.hpp"
#include "paser/pipeline/routing/domain.hpp"

/// What segment_many says of many images.
namespace segment_many {

using paser::Index;

/// 64 bits of a mask, (H, W, 1), of its line in the manifest and its page: FNV-1a, and a last mixing step (that of
/// SplitMix64) after which sums of such hashes are hashes. So the hash of many masks is their sum, in whatever order.
inline std::uint64_t hash_of(const paser::Tensor<std::uint8_t, 3>& mask, Index line, Index page) {
  std::uint64_t hash = 0xcbf29ce484222325u;
  const auto add = [&hash](std::uint8_t byte) { hash = (hash ^ byte) * 0x100000001b3u; };
  for (const Index number : {line, page, mask.shape()[0], mask.shape()[1]})
    for (int shift = 0; shift < 64; shift += 8) add(static_cast<std::uint8_t>(number >> shift));
  for (const std::uint8_t pixel : mask.values()) add(pixel);
  hash = (hash ^ (hash >> 30)) * 0xbf58476d1ce4e5b9u;
  hash = (hash ^ (hash >> 27)) * 0x94d049bb133111ebu;
  return hash ^ (hash >> 31);
}

inline std::string hexadecimal(std::uint64_t hash) {
  char text[20];
  std::snprintf(text, sizeof text, "%016llx", static_cast<unsigned long long>(hash));
  return text;
}
/// 0 of what is no such number.
inline std::uint64_t parse_hexadecimal(const std::string& text) {
  std::uint64_t hash = 0;
  std::from_chars(text.data(), text.data() + text.size(), hash, 16);
  return hash;
}

/// Adds lists, the shorter one as if it ended in zeros.
inline void add_to(std::vector<Index>& sums, const std::vector<Index>& more) {
  sums.resize(std::max(sums.size(), more.size()), 0);
  std::transform(more.begin(), more.end(), sums.begin(), sums.begin(), std::plus<>{});
}

/// Totals of the lines of a manifest, or of some of them.
struct Summary {
  Index lines = 0, done = 0;
  std::map<std::string, Index> failures{};  ///< lines that have no mask, by their status
  Index masks = 0;                          ///< one per page
  Index turned = 0;                         ///< images that were turned upright, as their files say
  std::uint64_t hash = 0;
  double gmac = 0;
  std::vector<Index> pixels{}, patches{};  ///< by class, and by the model that answered
  /// Windows that a calibration was asked about, those unlike its images, how many are expected to be, and the chunks
  /// that are of another kind; see pipeline::DomainCheck.
  Index windows = 0, unlike = 0, other_chunks = 0;
  double expected = 0;

  Summary& operator+=(const Summary& o) {
    lines += o.lines;
    done += o.done;
    for (const auto& [status, count] : o.failures) failures[status] += count;
    masks += o.masks;
    turned += o.turned;
    hash += o.hash;
    gmac += o.gmac;
    add_to(pixels, o.pixels);
    add_to(patches, o.patches);
    windows += o.windows;
    unlike += o.unlike;
    other_chunks += o.other_chunks;
    expected += o.expected;
    return *this;
  }

  void add(const paser::pipeline::DomainCheck& found) {
    windows += found.images;
    unlike += found.unlike;
    other_chunks += found.other();
    expected += found.expected * static_cast<double>(found.images);
  }
};

template <class Json>
void to_json(Json& j, const Summary& s) {
  j = {{"lines", s.lines}, {"done", s.done},     {"failures", s.failures},
       {"masks", s.masks}, {"turned", s.turned}, {"hash", hexadecimal(s.hash)},
       {"gmac", s.gmac},   {"pixels", s.pixels}, {"patches", s.patches}};
  if (s.windows > 0)
    j["domain"] = {{"windows", s.windows}, {"unlike", s.unlike}, {"expected", s.expected}, {"chunks", s.other_chunks}};
}

/// A whole number, 0 or more. Throws FormatError, naming it, on another value.
template <class Json>
Index count_of(const Json& number, const std::string& name) {
  constexpr std::uint64_t most = std::uint64_t{1} << 48;  // of which tens of thousands of chunks have a sum
  const bool whole = number.is_number_unsigned() || (number.is_number_integer() && number >= 0);
  if (!whole || number.template get<std::uint64_t>() > most)
    throw paser::FormatError(
        paser::message("'", name, "' is ", paser::excerpt(number.dump()), ", expected a whole number, 0 or more"));
  return number.template get<Index>();
}

/// The same of each number of a list.
template <class Json>
std::vector<Index> counts_of(const Json& list, const std::string& name) {
  paser::check<paser::FormatError>(list.is_array(), name.c_str(), "expected a list of numbers, got ", list.type_name());
  std::vector<Index> counts;
  for (const Json& number : list) counts.push_back(count_of(number, name));
  return counts;
}

/// Reads what to_json wrote. Throws FormatError, naming the field, on numbers that are no counts, or that contradict
/// each other.
template <class Json>
void from_json(const Json& j, Summary& s) {
  using paser::check;
  using paser::FormatError;
  s = {};
  const auto count = [](const Json& object, const char* name) { return count_of(object.at(name), name); };
  s.lines = count(j, "lines");
  s.done = count(j, "done");
  Index all = s.done;
  for (const auto& [status, number] : j.at("failures").items())
    all += s.failures[status] = count_of(number, "failures, " + paser::visible(status));
  check<FormatError>(all == s.lines, "'lines'", s.lines, ", expected as many as are done or failed: ", all);
  s.masks = count(j, "masks");
  s.turned = count(j, "turned");
  const auto hash = j.at("hash").template get<std::string>();
  s.hash = parse_hexadecimal(hash);
  check<FormatError>(hexadecimal(s.hash) == hash, "'hash'", "'", paser::excerpt(hash),
                     "', expected 16 hexadecimal digits");
  s.gmac = j.at("gmac").template get<double>();
  check<FormatError>(s.gmac >= 0, "'gmac'", s.gmac, ", expected a number of 0 or more");
  s.pixels = counts_of(j.at("pixels"), "pixels");
  s.patches = counts_of(j.at("patches"), "patches");
  if (!j.contains("domain")) return;
  const Json& domain = j["domain"];
  s.windows = count(domain, "windows");
  s.unlike = count(domain, "unlike");
  s.other_chunks = count(domain, "chunks");
  s.expected = domain.at("expected").template get<double>();
  check<FormatError>(s.expected >= 0, "'expected'", s.expected, ", expected a number of 0 or more");
}

}  // namespace segment_many
