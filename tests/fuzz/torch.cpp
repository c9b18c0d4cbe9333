/// Any bytes as a file of torch.save, and as the program inside of a whole one: a State, or an error of paser's.
#include "fuzz.hpp"
#include "paser/io/torch_file.hpp"

namespace {

std::string little(std::size_t value, int bytes) {
  std::string text;
  for (int i = 0; i < bytes; ++i, value >>= 8) text.push_back(static_cast<char>(value & 255));
  return text;
}

/// An archive with this program and a storage of 16 elements of float32, all checksums right.
std::string archive(std::string_view program) {
  const std::string storage(64, '\1');
  std::string file, directory;
  for (const auto& [name, content] :
       {std::pair<std::string_view, std::string_view>{"data.pkl", program}, {"data/0", storage}}) {
    const std::string sizes = little(paser::io::Crc32().add(content).value(), 4) + little(content.size(), 4) +
                              little(content.size(), 4) + little(name.size(), 2) + little(0, 2);
    directory += "PK\1\2" + little(0, 12) + sizes + little(0, 10) + little(file.size(), 4);
    directory += name;
    file += "PK\3\4" + little(0, 10) + sizes;
    file.append(name).append(content);
  }
  return file + directory + "PK\5\6" + little(0, 4) + little(2, 2) + little(2, 2) + little(directory.size(), 4) +
         little(file.size(), 4) + little(0, 2);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const std::string_view text = fuzz::text(bytes, size);
  const auto read = [](std::string_view content) {
    fuzz::reads([content] {
      for (const auto& [name, t] : paser::io::parse_torch_file(content, "fuzzed"))
        if (t.bytes.numel() != t.numel() * paser::io::info(t.dtype).bytes) __builtin_trap();
    });
  };
  read(text);
  read(archive(text));
  return 0;
}
