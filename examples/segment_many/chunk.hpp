#pragma once

#include <new>
#include <tuple>

#include "paser/io/indexed_png.hpp"
#include "paser/io/json.hpp"
#include "paser/io/output_folder.hpp"
#include "paser/report/figures.hpp"
#include "segment_image/segmenter.hpp"
#include "segment_many/manifest.hpp"
#include "segment_many/summary.hpp"
#include "segment_many/tar.hpp"

/// The files of a chunk: chunk_0000012.tar with its masks, .jsonl with a line per image, and .json with its Summary,
/// which is written last: a chunk that has it is done.
namespace segment_many {

using paser::message;
using segment_image::Segmenter;

inline std::string padded(Index number, std::size_t digits) {
  const std::string text = std::to_string(number);
  return std::string(text.size() < digits ? digits - text.size() : 0, '0') + text;
}
inline std::string chunk_name(Index chunk) {
  return padded(chunk, 7);
}
inline std::string file_of(Index chunk, const char* ending) {
  return "chunk_" + chunk_name(chunk) + ending;
}
/// Of a mask in the tar; lines count from 1, and pages too, 0 for the only one.
inline std::string mask_name(Index line, Index page) {
  return padded(line, 10) + (page > 0 ? "_" + padded(page, 4) : "") + ".png";
}

/// Writes a file that another process may be writing at this moment, with the same content. Throws as
/// OutputFolder::write.
inline void write_as_any(paser::io::OutputFolder& out, const std::string& name, const std::string& content) {
  try {
    out.write(name, content);
  } catch (const paser::IoError&) {  // the other was first, which is well, or the disk is full, which it says again
    out.write(name, content);
  }
}

/// What becomes of the lines of a chunk.
class ChunkWork {
 public:
  explicit ChunkWork(Segmenter& segmenter) : segmenter_(segmenter), watch_(segmenter.description().calibration) {}

  /// Answers one line of the manifest, whose number counts from 1; an empty one counts for nothing. An image that
  /// cannot be read or segmented is a line that says so.
  void answer(const std::string& path, Index line) {
    if (path.empty()) return;
    nlohmann::json record{{"line", line}, {"image", path}};
    Answer answer;
    std::string status, error;
    const auto fail = [&](const char* kind, const char* sentence) {
      status = kind;
      error = sentence;
    };
    try {
      answer = segment(path);
      status = "done";
    } catch (const paser::NotFiniteError& e) {
      fail("not finite", e.what());
    } catch (const paser::IoError& e) {
      fail("not read", e.what());
    } catch (const paser::FormatError& e) {
      fail("damaged", e.what());
    } catch (const paser::Error& e) {
      fail("refused", e.what());
    } catch (const std::bad_alloc&) {
      fail("too large", "there is not enough memory for this image");
    }
    record["status"] = status;
    ++sums_.lines;
    if (status == "done")
      add(answer, line, record);
    else {
      record["error"] = error;
      ++sums_.failures[status];
    }
    records_ += paser::io::json_text(record) + "\n";
  }

  /// Writes the files. Throws as OutputFolder::write.
  Summary write(Index chunk, paser::io::OutputFolder& out) && {
    if (const auto found = watch_.check()) sums_.add(*found);
    write_as_any(out, file_of(chunk, ".tar"), std::move(tar_).finish());
    write_as_any(out, file_of(chunk, ".jsonl"), records_);
    write_as_any(out, file_of(chunk, ".json"), paser::io::json_text(nlohmann::json(sums_)) + "\n");
    return sums_;
  }

 private:
  /// Of all pages of an image.
  struct Answer {
    std::vector<paser::Tensor<std::uint8_t, 3>> masks;
    std::vector<double> statistics;
    std::vector<Index> pixels, patches;
    double gmac = 0;
    Index turned = 0;
  };

  Answer segment(const std::string& path) {
    const auto& d = segmenter_.description();
    Answer answer;
    answer.pixels.assign(static_cast<std::size_t>(d.classes()), 0);
    paser::io::ImageFile image(path);
    for (Index page = 0; page < image.pages(); ++page) {
      paser::io::DecodedImage pixels = image.page(page);
      answer.turned += pixels.orientation != 1 ? 1 : 0;
      const std::string origin = image.pages() == 1 ? path : message(path, ", page ", page + 1);
      const segment_image::Rows rows(std::move(pixels), d.channels, d.value_range, origin);
      paser::Tensor<std::uint8_t, 3> mask({rows.height(), rows.width(), 1});
      std::uint8_t* const out = mask.mutable_data();
      const auto summary = segmenter_(rows, [&](const paser::pipeline::TiledBand<float>& band) {
        std::uint8_t* to = out + band.row * rows.width();
        for (const std::int32_t label : band.labels.values()) {
          ++answer.pixels[static_cast<std::size_t>(label)];
          *to++ = static_cast<std::uint8_t>(label);
        }
      });
      add_to(answer.patches, summary.patches);
      answer.gmac += segmenter_.costs().of(summary.work) * 1e-9;
      answer.statistics.insert(answer.statistics.end(), summary.statistics.begin(), summary.statistics.end());
      answer.masks.push_back(std::move(mask));
    }
    return answer;
  }

  void add(const Answer& answer, Index line, nlohmann::json& record) {
    const auto palette = paser::report::stored_palette(segmenter_.description().classes());
    std::uint64_t hash = 0;
    for (std::size_t i = 0; i < answer.masks.size(); ++i) {
      const Index page = answer.masks.size() == 1 ? 0 : static_cast<Index>(i) + 1;
      tar_.add(mask_name(line, page), paser::io::encode_indexed_png(answer.masks[i], palette));
      hash += hash_of(answer.masks[i], line, page);
    }
    record["masks"] = answer.masks.size();
    record["hash"] = hexadecimal(hash);
    record["gmac"] = answer.gmac;
    record["class_shares"] = shares(answer.pixels);
    record["model_shares"] = shares(answer.patches);
    watch_.add(answer.statistics);
    ++sums_.done;
    sums_.masks += static_cast<Index>(answer.masks.size());
    sums_.turned += answer.turned;
    sums_.hash += hash;
    sums_.gmac += answer.gmac;
    add_to(sums_.pixels, answer.pixels);
    add_to(sums_.patches, answer.patches);
  }

  static std::vector<double> shares(const std::vector<Index>& counts) {
    const double sum = static_cast<double>(std::accumulate(counts.begin(), counts.end(), Index{0}));
    std::vector<double> shares;
    for (const Index count : counts) shares.push_back(static_cast<double>(count) / sum);
    return shares;
  }

  Segmenter& segmenter_;
  program::DomainWatch watch_;
  Tar tar_;
  std::string records_;
  Summary sums_;
};

/// The Summary of a chunk that is done, by a model of this description. Throws IoError and FormatError, naming the file
/// and the field.
inline Summary read_summary(Index chunk, const fs::path& folder, const paser::pipeline::PaserDescription& d) {
  const fs::path file = folder / file_of(chunk, ".json");
  const auto document = paser::io::read_json(file);
  const auto refuse = [&](const std::string& why) {
    throw paser::FormatError(message(file.string(), " is no summary of a chunk: ", why));
  };
  Summary summary;
  try {
    document.get_to(summary);
  } catch (const nlohmann::json::exception& error) {
    refuse(paser::io::json_problem(error));
  } catch (const paser::FormatError& error) {
    refuse(error.what());
  }
  for (const auto& [name, has, most] : {std::tuple{"pixels", summary.pixels.size(), d.class_names.size()},
                                        {"patches", summary.patches.size(), d.networks.size()}})
    if (has > most) refuse(message("'", name, "' has ", has, " numbers, expected at most ", most));
  return summary;
}

/// Reads all files of a chunk back and compares: the bytes with those that the folder's list has, each line with that
/// of the manifest, each mask with its hash, and the sums. Throws FormatError or IoError, naming the file, where they
/// differ.
inline Summary verify_chunk(Index chunk, const Manifest& manifest, const paser::io::OutputFolder& out,
                            const paser::pipeline::PaserDescription& d) {
  using paser::check;
  using paser::FormatError;
  for (const char* ending : {".tar", ".jsonl", ".json"}) {
    const std::string name = file_of(chunk, ending);
    const fs::path file = out.path() / name;
    check<FormatError>(out.lists(name) && out.listed().at(name).now == paser::io::ContentSum::of_file(file),
                       file.string().c_str(), "is not what segment_many wrote: its size or CRC-32 is another one");
  }
  const fs::path tar_file = out.path() / file_of(chunk, ".tar"), list = out.path() / file_of(chunk, ".jsonl");
  const std::string tar = paser::io::read_file(tar_file), records = paser::io::read_file(list);
  const auto masks = read_tar(tar, tar_file.string());
  const std::vector<std::string> lines = manifest.read(chunk);
  Summary sums;
  std::size_t mask = 0, from = 0;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    if (lines[i].empty()) continue;
    const Index line = manifest.first_line(chunk) + static_cast<Index>(i) + 1;
    const std::size_t to = records.find('\n', from);
    check<FormatError>(to != std::string::npos, list.string().c_str(), "ends before line ", line);
    const auto record = paser::io::parse_json(records.substr(from, to - from), list.string());
    from = to + 1;
    check<FormatError>(record.value("line", Index{0}) == line && record.value("image", "") == paser::as_utf8(lines[i]),
                       list.string().c_str(), "has another image than line ", line, " of the manifest");
    ++sums.lines;
    const std::string status = record.value("status", "");
    if (status != "done") {
      ++sums.failures[status];
      continue;
    }
    std::uint64_t hash = 0;
    const Index pages = record.value("masks", Index{0});
    for (Index page = 0; page < pages; ++page, ++mask) {
      const std::string name = mask_name(line, pages == 1 ? 0 : page + 1);
      check<FormatError>(mask < masks.size() && masks[mask].first == name, tar_file.string().c_str(), "has no ", name);
      const auto pixels = paser::io::decode_png(masks[mask].second, tar_file.string() + ": " + name).integers.pixels;
      hash += hash_of(pixels.cast<std::uint8_t>(), line, pages == 1 ? 0 : page + 1);
    }
    check<FormatError>(hexadecimal(hash) == record.value("hash", ""), tar_file.string().c_str(), "the masks of line ",
                       line, " are not those that were written");
    ++sums.done;
    sums.masks += pages;
    sums.hash += hash;
  }
  const Summary stored = read_summary(chunk, out.path(), d);
  check<FormatError>(from == records.size() && mask == masks.size() && stored.lines == sums.lines &&
                         stored.done == sums.done && stored.masks == sums.masks && stored.hash == sums.hash &&
                         stored.failures == sums.failures,
                     (out.path() / file_of(chunk, ".json")).string().c_str(), "does not sum up the chunk's files");
  return stored;
}

}  // namespace segment_many
