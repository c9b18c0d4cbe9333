#pragma once
#include "paser/core/macros_off.inc"

#include <nlohmann/json.hpp>
#include <span>
#include <tuple>

#include "paser/io/atomic_file.hpp"
#include "paser/io/json.hpp"
#include "paser/io/raw_tensor.hpp"

namespace paser::io {

/// The content of a safetensors file: named tensors and a table of strings.
///
/// The format (https://github.com/huggingface/safetensors): eight bytes of header length, a JSON header that gives each
/// tensor its element type, shape and byte range, then the elements. Nothing requires that they are aligned.
///
/// The functions are templates of the JSON type so that only programs that call them pay for compiling it.
struct Safetensors {
  StateDict tensors;
  std::map<std::string, std::string> metadata;

  /// Throws FormatError naming the file when there is no such tensor.
  const RawTensor& at(const std::string& name) const {
    const auto found = tensors.find(name);
    check<FormatError>(found != tensors.end(), origin.c_str(), "there is no tensor '", name, "'");
    return found->second;
  }

  std::string origin = "safetensors";  ///< the file, for messages
};

namespace detail {

/// A longer header is refused before it is read; the reference implementation has the same limit.
inline constexpr Index safetensors_header_limit = 100'000'000;

struct SafetensorsEntry {
  std::string name;
  RawTensor tensor;
  Index begin = 0, end = 0;
};

inline DType parse_dtype(const std::string& name, const std::string& origin) {
  for (std::size_t i = 0; i < std::size(dtypes); ++i)
    if (name == dtypes[i].name) return static_cast<DType>(i);
  throw FormatError(message(origin, ": element type '", name, "' is not supported"));
}

/// One entry of the header, checked against the number of bytes that follow the header.
template <class Json>
SafetensorsEntry parse_safetensors_entry(const std::string& name, const Json& entry, Index payload,
                                         const std::string& file) {
  const std::string origin = file + ": tensor '" + name + "'";
  const auto is_list = [&](const char* key) {
    return entry.contains(key) && entry[key].is_array() &&
           std::all_of(entry[key].begin(), entry[key].end(), [](const auto& v) {
             return v.is_number_unsigned() &&
                    v.template get<std::uint64_t>() <= static_cast<std::uint64_t>(std::numeric_limits<Index>::max());
           });
  };
  check<FormatError>(entry.is_object() && entry.contains("dtype") && entry["dtype"].is_string(), origin.c_str(),
                     "expected an object with a text 'dtype'");
  check<FormatError>(is_list("shape"), origin.c_str(), "'shape' must be a list of whole numbers from 0");
  constexpr std::size_t most = 64;  // as many dimensions as a tensor of PyTorch can have
  check<FormatError>(entry["shape"].size() <= most, origin.c_str(), "'shape' has ", entry["shape"].size(),
                     " dimensions, expected at most ", most);
  check<FormatError>(is_list("data_offsets") && entry["data_offsets"].size() == 2, origin.c_str(),
                     "'data_offsets' must be two whole numbers from 0");

  SafetensorsEntry e;
  e.name = name;
  e.tensor.origin = origin;
  e.tensor.dtype = parse_dtype(entry["dtype"].template get<std::string>(), origin);
  e.tensor.shape = entry["shape"].template get<std::vector<Index>>();
  e.begin = entry["data_offsets"][0].template get<Index>();
  e.end = entry["data_offsets"][1].template get<Index>();
  check<FormatError>(e.begin <= e.end && e.end <= payload, origin.c_str(), "its bytes ", e.begin, " to ", e.end,
                     " do not lie in the ", payload, " bytes that the file has after its header");
  Index bytes = info(e.tensor.dtype).bytes;
  bool fits = true;
  for (const Index extent : e.tensor.shape) fits = fits && !__builtin_mul_overflow(bytes, extent, &bytes);
  check<FormatError>(fits, origin.c_str(), "shape ", e.tensor.shape_text(), " is larger than any memory");
  check<FormatError>(bytes == e.end - e.begin, origin.c_str(), "shape ", e.tensor.shape_text(), " of ", e.tensor.dtype,
                     " takes ", bytes, " bytes, but the file sets aside ", e.end - e.begin);
  return e;
}

/// The entries of a header in the order of their bytes, which must fill the payload without gap or overlap.
template <class Json>
std::vector<SafetensorsEntry> parse_safetensors_header(const std::string& text, Index payload, Safetensors& content) {
  const std::string& origin = content.origin;
  check<FormatError>(text.starts_with('{'), origin.c_str(), "the header does not start with '{'");
  const Dissolving<Json> header(parse_json<Json>(text, origin + ": the header", {.depth = 3}));
  check<FormatError>(text[text.find_last_not_of(' ')] == '}', origin.c_str(),
                     "the header does not end with '}', and spaces to fill it up");
  std::vector<SafetensorsEntry> entries;
  for (const auto& [name, entry] : header.json.items()) {
    if (name != "__metadata__") {
      entries.push_back(parse_safetensors_entry(name, entry, payload, origin));
      continue;
    }
    check<FormatError>(entry.is_object(), origin.c_str(), "__metadata__ must be a table of texts");
    for (const auto& [key, value] : entry.items()) {
      check<FormatError>(value.is_string(), origin.c_str(), "__metadata__ entry '", key, "' is not a text");
      content.metadata.emplace(key, value.template get<std::string>());
    }
  }
  std::sort(entries.begin(), entries.end(),
            [](const auto& a, const auto& b) { return std::tie(a.begin, a.end) < std::tie(b.begin, b.end); });
  Index position = 0;
  for (const auto& e : entries) {
    check<FormatError>(e.begin == position, e.tensor.origin.c_str(), "its bytes start at ", e.begin, ", expected ",
                       position, ": tensors ", e.begin < position ? "overlap" : "leave a gap");
    position = e.end;
  }
  check<FormatError>(position == payload, origin.c_str(), "the tensors end at byte ", position, " of ", payload);
  return entries;
}

inline Index checked_header_length(std::uint64_t length, Index file_size, const std::string& origin) {
  const Index rest = file_size - 8;
  check<FormatError>(length <= static_cast<std::uint64_t>(rest), origin.c_str(),
                     "no safetensors file, or one that was cut: by its first eight bytes a header of ", length,
                     " bytes follows, and there are ", rest);
  check<FormatError>(length <= static_cast<std::uint64_t>(safetensors_header_limit), origin.c_str(),
                     "the header claims ", length, " bytes, more than the limit of ", safetensors_header_limit);
  return static_cast<Index>(length);
}

/// `read(to, count)` delivers the next bytes of a content of `size` bytes.
template <class Json, class Read>
Safetensors parse_safetensors(Index size, const std::string& origin, Read&& read) {
  Safetensors content;
  content.origin = origin;
  check<FormatError>(size >= 8, origin.c_str(), size, " bytes are too few for a safetensors file");
  std::uint64_t length = 0;
  read(&length, 8);
  const Index header_bytes = checked_header_length(length, size, origin);
  std::string header(static_cast<std::size_t>(header_bytes), '\0');
  read(header.data(), header_bytes);
  for (auto& e : parse_safetensors_header<Json>(header, size - 8 - header_bytes, content)) {
    e.tensor.bytes = Tensor<std::uint8_t, 1>({e.end - e.begin});
    if (e.end > e.begin) read(e.tensor.bytes.mutable_data(), e.end - e.begin);
    content.tensors.emplace(std::move(e.name), std::move(e.tensor));
  }
  return content;
}

}  // namespace detail

/// Reads a safetensors file. Every size is checked against the file before memory is asked for.
/// Throws IoError when the file cannot be read, FormatError when it is not what the format says.
template <class Json = nlohmann::json>
Safetensors read_safetensors(const Path& path) {
  InputFile file(path);
  return detail::parse_safetensors<Json>(file.size(), path.string(),
                                         [&](void* to, Index count) { file.read(to, count); });
}

/// The same for a file that lies in memory, at any address. `origin` stands for its name in messages.
template <class Json = nlohmann::json>
Safetensors parse_safetensors(std::span<const std::byte> bytes, const std::string& origin) {
  std::size_t position = 0;
  return detail::parse_safetensors<Json>(static_cast<Index>(bytes.size()), origin, [&](void* to, Index count) {
    if (count > 0) std::memcpy(to, bytes.data() + position, static_cast<std::size_t>(count));
    position += static_cast<std::size_t>(count);
  });
}

/// Writes a safetensors file, all or nothing. Wide element types come first, so that every tensor of a mapped file is
/// aligned; equal content gives equal bytes. Throws IoError, with Existing::keep also where a file of this name is
/// there; ValueError on names and metadata that are not UTF-8.
template <class Json = nlohmann::json>
void write_safetensors(const Path& path, const Safetensors& content, Existing existing = Existing::replace) {
  std::vector<const StateDict::value_type*> order;
  for (const auto& entry : content.tensors) order.push_back(&entry);
  std::stable_sort(order.begin(), order.end(), [](const auto* a, const auto* b) {
    return info(a->second.dtype).bytes > info(b->second.dtype).bytes;
  });
  Json header = Json::object();
  if (!content.metadata.empty()) header["__metadata__"] = content.metadata;
  Index position = 0;
  for (const auto* entry : order) {
    const auto& [name, t] = *entry;
    check<ValueError>(name != "__metadata__", "write_safetensors", "a tensor may not be named __metadata__");
    check(t.bytes.numel() == t.numel() * info(t.dtype).bytes, "write_safetensors", "tensor '", name, "' has ",
          t.bytes.numel(), " bytes for shape ", t.shape_text(), " of ", t.dtype);
    header[name] = {
        {"dtype", info(t.dtype).name}, {"shape", t.shape}, {"data_offsets", {position, position + t.bytes.numel()}}};
    position += t.bytes.numel();
  }
  std::string text;
  try {
    text = header.dump();
  } catch (const typename Json::exception& e) {
    throw ValueError(message("write_safetensors: ", quoted(path), ": ", e.what()));
  }
  text.resize((text.size() + 7) / 8 * 8, ' ');
  const auto length = static_cast<std::uint64_t>(text.size());
  AtomicFile file(path, existing);
  file.write(std::as_bytes(std::span(&length, 1)));
  file.write(text);
  for (const auto* entry : order) file.write(std::as_bytes(entry->second.bytes.values()));
  file.commit();
}

}  // namespace paser::io
#include "paser/core/macros_on.inc"
