#include <zlib.h>

#include "fuzz.hpp"
#include "paser/io/gzip.hpp"
#include "verdicts.hpp"

namespace {

/// The one member of a gzip file by zlib; its complaint when that fails.
struct Unpacked {
  bool whole = false;
  std::string content, reason;
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
  out.reason = stream.msg ? stream.msg : "cut off";
  inflateEnd(&stream);
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view file = fuzz::text(data, size);
  if (!paser::io::is_gzip(file)) return 0;
  std::string ours;
  bool taken = false;
  fuzz::reads([&] {
    ours = paser::io::gunzip(file, "input");
    taken = true;
  });
  const Unpacked theirs = by_zlib(file);
  fuzz::verdicts().judge(taken, theirs.whole, theirs.reason, [&] { return ours == theirs.content; });
  return 0;
}
