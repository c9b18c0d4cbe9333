#pragma once
#include "paser/core/macros_off.inc"

#include <bit>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <type_traits>

#include "paser/core/finite.hpp"
#include "paser/io/crc32.hpp"
#include "paser/io/file.hpp"

/// Event files as TensorBoard reads them, written without it: a file of TFRecords, each a protocol buffer of the
/// message tensorflow.Event (tensorflow/core/util/event.proto, summary.proto).
namespace paser::report {

namespace detail {

/// A message of protocol buffers, written field by field.
class ProtoMessage {
 public:
  ProtoMessage& integer(std::uint32_t field, std::uint64_t value) {
    key(field, 0);
    varint(value);
    return *this;
  }
  ProtoMessage& number(std::uint32_t field, double value) {
    key(field, 1);
    little_endian(std::bit_cast<std::uint64_t>(value), 8);
    return *this;
  }
  ProtoMessage& number(std::uint32_t field, float value) {
    key(field, 5);
    little_endian(std::bit_cast<std::uint32_t>(value), 4);
    return *this;
  }
  /// A text, or another message.
  ProtoMessage& text(std::uint32_t field, std::string_view bytes) {
    key(field, 2);
    varint(bytes.size());
    bytes_ += bytes;
    return *this;
  }
  const std::string& bytes() const { return bytes_; }

  void little_endian(std::uint64_t value, int bytes) {
    for (int i = 0; i < bytes; ++i) bytes_ += static_cast<char>(value >> 8 * i & 255);
  }

 private:
  void key(std::uint32_t field, std::uint32_t type) { varint(field << 3 | type); }
  void varint(std::uint64_t value) {
    for (; value > 127; value >>= 7) bytes_ += static_cast<char>((value & 127) | 128);
    bytes_ += static_cast<char>(value);
  }

  std::string bytes_;
};

/// The CRC-32C of a TFRecord, rotated and shifted, so that one of bytes that hold such sums is none of those.
inline std::uint32_t masked_crc(std::string_view bytes) {
  return std::rotr(io::Crc32c().add(bytes).value(), 15) + 0xa282ead8u;
}

/// Length, its sum, the bytes, their sum.
inline std::string tf_record(std::string_view bytes) {
  ProtoMessage length, length_sum, sum;
  length.little_endian(bytes.size(), 8);
  length_sum.little_endian(masked_crc(length.bytes()), 4);
  sum.little_endian(masked_crc(bytes), 4);
  return length.bytes() + length_sum.bytes() + std::string(bytes) + sum.bytes();
}

/// Calls each(bytes) for every whole record from the first on. Returns where the last one ends: what follows was torn
/// off or is damaged.
template <class Each>
std::size_t for_each_tf_record(std::string_view file, const Each& each) {
  for (std::size_t end = 0;;) {
    const std::string_view rest = file.substr(end);
    std::uint64_t size = 0;
    for (std::size_t i = 0; i < 8 && i < rest.size(); ++i)
      size |= std::uint64_t{static_cast<unsigned char>(rest[i])} << 8 * i;
    if (rest.size() < 16 || size > rest.size() - 16) return end;
    const std::string_view bytes = rest.substr(12, static_cast<std::size_t>(size));
    if (!rest.starts_with(tf_record(bytes))) return end;
    each(bytes);
    end += bytes.size() + 16;
  }
}

/// Whether a record begins anywhere in these bytes, by the sum of its length.
inline bool has_tf_record(std::string_view bytes) {
  for (; bytes.size() >= 12; bytes.remove_prefix(1)) {
    ProtoMessage sum;
    sum.little_endian(masked_crc(bytes.substr(0, 8)), 4);
    if (bytes.substr(8).starts_with(sum.bytes())) return true;
  }
  return false;
}

/// Calls each(field, value, bytes) for every field of a message: its number, or its bytes where it is a text or a
/// message. Stops where the bytes are no message.
template <class Each>
void for_each_field(std::string_view message, const Each& each) {
  const auto varint = [&message] {
    std::uint64_t value = 0;
    for (int shift = 0; shift < 64 && !message.empty(); shift += 7) {
      const auto byte = static_cast<unsigned char>(message[0]);
      message.remove_prefix(1);
      value |= std::uint64_t{byte & 127u} << shift;
      if (byte < 128) break;
    }
    return value;
  };
  while (!message.empty()) {
    const std::uint64_t key = varint(), type = key & 7, first = type == 0 || type == 2 ? varint() : 0;
    const std::uint64_t size = type == 0 ? 0 : type == 1 ? 8 : type == 2 ? first : type == 5 ? 4 : message.size() + 1;
    if (size > message.size()) return;
    each(key >> 3, first, message.substr(0, static_cast<std::size_t>(size)));
    message.remove_prefix(static_cast<std::size_t>(size));
  }
}

/// Seconds since 1970.
inline double seconds_now() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

}  // namespace detail

/// The scalars of a run for TensorBoard (`tensorboard --logdir` the run's folder), from the records of Log: each number
/// of a record becomes the scalar "stage/name" of its step, such as "pretrain f1/validation_iou", of an array
/// "policy/share/0" and so on. Numbers that are not finite, texts, and records without a stage or a step are left out.
///
/// A run that goes on appends. Where it makes steps again that an earlier run had made since its last checkpoint, their
/// scalars are not written twice: a resumed run gives the same bits.
class TensorBoardLog {
 public:
  /// Opens for appending; makes the folder. TensorBoard finds files with "tfevents" in their name. What a killed run
  /// left of its last record is cut off. Throws FormatError when the file is no event file, or is damaged before its
  /// last record; IoError when the system refuses.
  explicit TensorBoardLog(std::filesystem::path file, double seconds = detail::seconds_now()) : file_(std::move(file)) {
    std::error_code ignored;
    if (file_.has_parent_path()) std::filesystem::create_directories(file_.parent_path(), ignored);
    const bool begins = !go_on();
    out_.open(file_, std::ios::app | std::ios::binary);
    check<IoError>(out_.good(), "TensorBoardLog", "cannot open ", file_.string(),
                   " for appending: ", std::strerror(errno));
    if (begins) append(first_record(seconds));
  }

  /// Appends a record. seconds: since 1970. Throws IoError when the disk is full.
  template <class Json = nlohmann::json>
  void write(const std::type_identity_t<Json>& record, double seconds = detail::seconds_now()) {
    const auto stage = record.find("stage"), step = record.find("step");
    if (stage == record.end() || !stage->is_string() || step == record.end() || !step->is_number_integer()) return;
    const auto number = step->template get<std::int64_t>();
    std::string values;
    for (const auto& [name, value] : record.items())
      if (name != "step") add(values, number, stage->template get<std::string>() + "/" + name, value);
    if (values.empty()) return;
    append(detail::tf_record(detail::ProtoMessage()
                                 .number(wall_time, seconds)
                                 .integer(event_step, static_cast<std::uint64_t>(number))
                                 .text(summary, values)
                                 .bytes()));
  }

  const std::filesystem::path& file() const { return file_; }  ///< The file that is written.

 private:
  // Fields of tensorflow.Event, Summary and Summary.Value.
  static constexpr std::uint32_t wall_time = 1, event_step = 2, file_version = 3, summary = 5;
  static constexpr std::uint32_t summary_value = 1, tag = 1, simple_value = 2;

  static std::string first_record(double seconds) {
    return detail::tf_record(
        detail::ProtoMessage().number(wall_time, seconds).text(file_version, "brain.Event:2").bytes());
  }

  /// Whether the file holds an earlier run, whose scalars are then known.
  bool go_on() {
    std::error_code error;
    if (!std::filesystem::exists(file_, error)) return false;  // of what cannot be looked at, opening tells the cause
    const std::string before = io::read_file(file_);
    const std::size_t whole = detail::for_each_tf_record(before, [this](std::string_view event) { know(event); });
    const std::string first = first_record(0).substr(0, 12);
    check<FormatError>(whole > 0 || first.starts_with(before.substr(0, 12)), "TensorBoardLog", file_.string(),
                       " is no event file");
    if (whole == before.size()) return whole > 0;
    check<FormatError>(!detail::has_tf_record(std::string_view(before).substr(whole + 1)), "TensorBoardLog",
                       file_.string(), " is damaged at byte ", whole,
                       " and has records behind it, expected whole ones; remove or rename it to begin another");
    std::filesystem::resize_file(file_, whole, error);
    check<IoError>(!error, "TensorBoardLog", "cannot shorten ", file_.string(), ": ", error.message());
    return whole > 0;
  }

  void know(std::string_view event) {
    std::int64_t step = 0;
    detail::for_each_field(event, [&](std::uint64_t field, std::uint64_t number, std::string_view bytes) {
      if (field == event_step) step = static_cast<std::int64_t>(number);
      if (field != summary) return;
      detail::for_each_field(bytes, [&](std::uint64_t, std::uint64_t, std::string_view value) {
        detail::for_each_field(value, [&](std::uint64_t part, std::uint64_t, std::string_view name) {
          if (part == tag) is_new(std::string(name), step);
        });
      });
    });
  }

  /// Whether the file has no scalar of this name at this step or a later one; it has one from now on.
  bool is_new(const std::string& name, std::int64_t step) {
    const auto [last, first] = last_.try_emplace(name, step);
    if (!first && step <= last->second) return false;
    last->second = step;
    return true;
  }

  template <class Json>
  void add(std::string& values, std::int64_t step, const std::string& name, const Json& value) {
    for (std::size_t i = 0; value.is_array() && i < value.size(); ++i)
      add(values, step, name + "/" + std::to_string(i), value[i]);
    if (!value.is_number()) return;
    const auto number = value.template get<float>();
    if (!is_finite(number) || !is_new(name, step)) return;
    values += detail::ProtoMessage()
                  .text(summary_value, detail::ProtoMessage().text(tag, name).number(simple_value, number).bytes())
                  .bytes();
  }

  void append(const std::string& record) {
    out_ << record << std::flush;
    check<IoError>(out_.good(), "TensorBoardLog", "cannot write to ", file_.string(), ": ", std::strerror(errno));
  }

  std::filesystem::path file_;
  std::ofstream out_;
  std::map<std::string, std::int64_t> last_;  ///< step of each scalar in the file
};

}  // namespace paser::report
#include "paser/core/macros_on.inc"
