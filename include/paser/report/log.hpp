#pragma once
#include "paser/core/macros_off.inc"

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <type_traits>
#include <vector>

#include "paser/io/json.hpp"

namespace paser::report {

/// The log of a run, `log.jsonl`: one JSON object a line, appended and flushed at once, so that a killed run keeps what
/// it said and a resumed run goes on in the same file.
///
/// A record names its "stage" ("pretrain f1", "policy", "fine-tune") and its place in it ("step" or "epoch"), and has
/// any further numeric fields. The report draws a curve of each of these when it occurs:
///   "loss", "validation_loss", "train_iou", "validation_iou", "reward",
///   "validation_reward", "entropy" (of the policy, nats), "cost", "accuracy" (share of right assignments), "exploit"
///   (the probability alpha of Eq. 4), "lambda", "tvd", "learning_rate", "gradient_norm", and "share" (an array: share
///   of the patches given to each model).
/// Stages whose names begin with the same word share their axes. When a step occurs twice, because a run was resumed
/// from an earlier checkpoint, the later record counts. A record with a string "warning" is listed as such.
///   {"stage":"pretrain f1","epoch":3,"loss":0.21,"validation_iou":0.78}
///   {"stage":"policy","epoch":3,"reward":0.02,"entropy":0.9,"share":[0.3,0.4,0.3],"cost":0.1}
///   {"stage":"fine-tune","epoch":3,"lambda":0.1,"tvd":0.04,"validation_iou":0.81}
class Log {
 public:
  /// Opens for appending; makes the folder. Throws IoError when the system refuses.
  explicit Log(std::filesystem::path file) : file_(std::move(file)) {
    std::error_code ignored;
    if (file_.has_parent_path()) std::filesystem::create_directories(file_.parent_path(), ignored);
    const bool torn = ends_within_a_line(file_);
    out_.open(file_, std::ios::app | std::ios::binary);
    check<IoError>(out_.good(), "Log", "cannot open ", file_.string(), " for appending: ", std::strerror(errno));
    if (torn) out_ << '\n';  // a killed run left half a line; it stays alone
  }

  /// Appends one object. Numbers that are not finite become null. Throws ValueError unless it is an object, IoError
  /// when the disk is full.
  template <class Json = nlohmann::json>
  void write(const std::type_identity_t<Json>& record) {
    check<ValueError>(record.is_object(), "Log::write", "a record must be a JSON object, got ", record.type_name());
    out_ << io::json_text(record) << '\n' << std::flush;
    check<IoError>(out_.good(), "Log::write", "cannot write to ", file_.string(), ": ", std::strerror(errno));
  }

  const std::filesystem::path& file() const { return file_; }  ///< The file that is written.

 private:
  static bool ends_within_a_line(const std::filesystem::path& file) {
    std::ifstream in(file, std::ios::binary | std::ios::ate);
    if (!in || in.tellg() <= 0) return false;
    in.seekg(-1, std::ios::end);
    return in.get() != '\n';
  }

  std::filesystem::path file_;
  std::ofstream out_;
};

/// The records of a log file in their order. Lines that are not a JSON object (the torn last line of a killed run) are
/// left out. Throws IoError when the file cannot be opened.
template <class Json = nlohmann::json>
std::vector<Json> read_log(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  check<IoError>(in.good(), "read_log", "cannot open ", file.string(), ": ", std::strerror(errno));
  std::vector<Json> records;
  for (std::string line; std::getline(in, line);) {
    try {
      if (auto record = io::parse_json<Json>(line, file.string()); record.is_object())
        records.push_back(std::move(record));
    } catch (const FormatError&) {
    }
  }
  return records;
}

/// At most about `limit` records for each stage and kind of record (its set of fields), evenly spaced, the last one
/// always among them: what a picture of the curves needs.
template <class Json = nlohmann::json>
std::vector<Json> thin(const std::vector<std::type_identity_t<Json>>& records, std::size_t limit = 400) {
  const auto kind = [](const Json& record) {
    std::string key = record.contains("stage") ? io::json_text(record["stage"]) : "";
    for (const auto& [name, value] : record.items()) key += '\n' + name;
    return key;
  };
  std::map<std::string, std::size_t> total, seen;
  for (const auto& record : records) ++total[kind(record)];
  std::vector<Json> kept;
  for (const auto& record : records) {
    const std::string key = kind(record);
    const std::size_t count = total[key], number = seen[key]++;
    const std::size_t every = std::max<std::size_t>(1, (count + limit - 1) / std::max<std::size_t>(limit, 1));
    if (number % every == 0 || number + 1 == count || record.contains("warning")) kept.push_back(record);
  }
  return kept;
}

}  // namespace paser::report
#include "paser/core/macros_on.inc"
