#include <zlib.h>

#include "fuzz.hpp"
#include "paser/io/gzip.hpp"
#include "verdicts.hpp"

namespace {

/// The one member of a gzip file by zlib; its complaint when that fails.
struct Unpacked {
  bool whole = false;
  std::string content, reason;
  std::size_t read = 0;  ///< bytes of the file
};

Unpacked by_zlib(std::string_view file) {
  Unpacked out;
  z_stream stream{};
  inflateInit2(&stream, 15 + 16);  // with gzip's header and trailer
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(file.data()));
  stream.avail_in = static_cast<uInt>(file.size());
  char part[4096];
  int code = Z_OK;
  while (code == Z_OK && out.content.size() < (std::size_t{1} << 24)) {
    stream.next_out = reinterpret_cast<Bytef*>(part);
    stream.avail_out = sizeof part;
    code = inflate(&stream, Z_NO_FLUSH);
    out.content.append(part, sizeof part - stream.avail_out);
  }
  out.whole = code == Z_STREAM_END;
  out.read = stream.total_in;
  out.reason = stream.msg ? stream.msg : "cut off";
  inflateEnd(&stream);
  return out;
}

void compare(std::string_view file, const Unpacked& theirs) {
  std::string ours;
  bool taken = false;
  fuzz::reads([&] {
    ours = paser::io::gunzip(file, "input");
    taken = true;
  });
  fuzz::verdicts().judge(taken, theirs.whole, theirs.reason, [&] { return ours == theirs.content; });
}

/// The file with the checksum and the size that its data have, or next to no input would come past them.
std::string fixed(std::string_view file, const Unpacked& unpacked) {
  std::string out(file.substr(0, unpacked.read - 4));  // zlib has read the checksum
  const auto append = [&](std::size_t value) {
    for (int shift = 0; shift < 32; shift += 8) out += static_cast<char>(value >> shift & 255);
  };
  const auto* data = reinterpret_cast<const Bytef*>(unpacked.content.data());
  append(crc32(0, data, static_cast<uInt>(unpacked.content.size())));
  append(unpacked.content.size());
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view file = fuzz::text(data, size);
  if (!paser::io::is_gzip(file)) return 0;
  const Unpacked theirs = by_zlib(file);
  compare(file, theirs);
  if (theirs.reason != "incorrect data check") return 0;
  const std::string whole = fixed(file, theirs);
  compare(whole, by_zlib(whole));
  return 0;
}
