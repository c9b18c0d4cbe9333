#include "fixture.hpp"
#include "paser/io/safetensors.hpp"

namespace fixtures {

using paser::check;
using paser::FormatError;

namespace {

constexpr const char* expected_schema = "paser-fixtures/1";

/// Fixtures hold F32 and I64 alone; both are exact as double here.
Stored stored_values(const paser::io::RawTensor& raw) {
  const bool whole = raw.dtype == paser::io::DType::I64;
  check<FormatError>(whole || raw.dtype == paser::io::DType::F32, raw.origin.c_str(), "element type ", raw.dtype,
                     ", a fixture has only F32 and I64");
  paser::io::RawTensor flat = raw;
  flat.shape = {raw.numel()};
  Stored stored{raw.shape, {}};
  if (whole) {
    const auto values = flat.as<std::int64_t, 1>();
    for (const std::int64_t v : values.values()) stored.values.push_back(static_cast<double>(v));
  } else {
    const auto values = flat.as<float, 1>();
    stored.values.assign(values.values().begin(), values.values().end());
  }
  return stored;
}

}  // namespace

FixtureFile::FixtureFile(const std::filesystem::path& path) : name_(path.filename().string()) {
  const auto content = paser::io::read_safetensors(path);
  metadata_ = content.metadata;
  const std::string* schema = metadata("schema");
  check<FormatError>(schema != nullptr, name_.c_str(), "no fixture: it names no schema");
  check<FormatError>(*schema == expected_schema, name_.c_str(), "schema '", *schema, "', expected '", expected_schema,
                     "'");
  check<FormatError>(metadata("cases") != nullptr, name_.c_str(), "it lists no cases");
  cases_ = split(*metadata("cases"));
  check<FormatError>(!cases_.empty(), name_.c_str(), "its list of cases is empty");
  const std::set<std::string> known(cases_.begin(), cases_.end());
  check<FormatError>(known.size() == cases_.size(), name_.c_str(), "it lists a case twice");
  for (const auto& [key, raw] : content.tensors) {
    check<FormatError>(known.contains(key.substr(0, key.find('/'))) && key.find('/') != std::string::npos,
                       name_.c_str(), "tensor '", key, "' belongs to no case");
    tensors_.emplace(key, stored_values(raw));
  }
}

const std::string* FixtureFile::metadata(const std::string& key) const {
  const auto found = metadata_.find(key);
  return found == metadata_.end() ? nullptr : &found->second;
}

const Stored* FixtureFile::tensor(const std::string& key) const {
  const auto found = tensors_.find(key);
  return found == tensors_.end() ? nullptr : &found->second;
}

}  // namespace fixtures
