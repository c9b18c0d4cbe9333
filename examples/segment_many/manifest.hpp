#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "paser/io/crc32.hpp"
#include "paser/io/file.hpp"
#include "paser/io/text.hpp"

/// The list of the images of segment_many.
namespace segment_many {

using paser::Index;
namespace fs = std::filesystem;

/// A text file with the path of one image per line, cut into chunks of consecutive lines; a line may be empty, and
/// blanks around a path do not count. One pass finds where the chunks begin; memory holds eight bytes per chunk, and
/// the lines of one chunk while it is worked on.
class Manifest {
 public:
  /// Throws IoError when the file cannot be read, FormatError when it is no text (see io::plain_text), ValueError when
  /// it names no image.
  Manifest(const fs::path& path, Index lines_per_chunk) : path_(path), per_chunk_(lines_per_chunk) {
    paser::io::InputFile file(path);
    paser::io::Crc32 crc;
    std::vector<char> piece(std::size_t{1} << 20);
    char last = '\n';
    bool names_one = false;
    for (Index at = 0; at < file.size();) {
      const Index count = std::min(static_cast<Index>(piece.size()), file.size() - at);
      file.read(piece.data(), count);
      const std::string_view text(piece.data(), static_cast<std::size_t>(count));
      crc.add(text);
      if (at == 0) (void)paser::io::plain_text(text.substr(0, 4), path.string());  // refuses UTF-16 and UTF-32
      const auto nul = text.find('\0');
      paser::check<paser::FormatError>(nul == text.npos, path.string().c_str(), "byte ", at + static_cast<Index>(nul),
                                       " is NUL, which no text has; expected a list of images, one per line");
      for (std::size_t i = 0; i < text.size(); ++i) {
        const bool begins = last == '\n' || (last == '\r' && text[i] != '\n');
        if (begins && lines_++ % per_chunk_ == 0) begins_.push_back(at + static_cast<Index>(i));
        last = text[i];
        const bool mark = at == 0 && i < 3 && text.starts_with("\xEF\xBB\xBF");
        names_one = names_one || (!mark && std::string_view(" \t\r\n").find(last) == std::string_view::npos);
      }
      at += count;
    }
    bytes_ = file.size();
    crc_ = crc.value();
    paser::check<paser::ValueError>(names_one, "--manifest", path.string(), " names no image");
  }

  const fs::path& path() const { return path_; }
  Index lines() const { return lines_; }
  Index chunks() const { return static_cast<Index>(begins_.size()); }
  /// The number of the first line of a chunk, from 0, and the number of its lines.
  Index first_line(Index chunk) const { return chunk * per_chunk_; }
  Index lines_of(Index chunk) const { return std::min(per_chunk_, lines_ - first_line(chunk)); }
  /// Tells one list from another.
  std::string sum() const { return paser::message(bytes_, " bytes, CRC-32 ", crc_); }

  /// The lines of a chunk, without their ends and the blanks around them. Throws IoError, also when the file has
  /// changed.
  std::vector<std::string> read(Index chunk) const {
    const auto c = static_cast<std::size_t>(chunk);
    const Index begin = begins_[c], end = c + 1 < begins_.size() ? begins_[c + 1] : bytes_;
    paser::io::InputFile file(path_);
    std::string text(static_cast<std::size_t>(end - begin), '\0');
    file.read_at(begin, text.data(), end - begin);
    // A mark is one at the beginning of the file alone: further on, such bytes are of a name.
    const std::string plain = begin == 0 ? paser::io::plain_text(text, path_.string()) : paser::io::with_lf_ends(text);
    std::vector<std::string> lines(static_cast<std::size_t>(lines_of(chunk)));
    const Index found = paser::io::each_line(plain, [&](std::string_view line, Index number) {
      if (number <= std::ssize(lines)) lines[static_cast<std::size_t>(number - 1)] = line;
    });
    paser::check<paser::IoError>(found == lines_of(chunk), "--manifest", path_.string(),
                                 " was changed while it was worked on");
    return lines;
  }

 private:
  fs::path path_;
  Index per_chunk_, lines_ = 0, bytes_ = 0;
  std::uint32_t crc_ = 0;
  std::vector<Index> begins_;
};

}  // namespace segment_many
