#pragma once
#include "paser/core/macros_off.inc"

#include <cstring>

#include "paser/core/tensor.hpp"
#include "paser/io/file.hpp"
#include "paser/io/gzip.hpp"

namespace paser::data {

namespace detail {

inline std::uint32_t big_endian_32(std::string_view bytes) {
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < 4; ++i) value = value << 8 | static_cast<unsigned char>(bytes[i]);
  return value;
}

/// What a wrong file seems to be, in words.
inline std::string describe_idx_start(std::string_view content) {
  const std::uint32_t magic = big_endian_32(content);
  if (magic == 2049) return "2049 (a file of labels)";
  if (magic == 2051) return "2051 (a file of images)";
  const std::string_view start = content.substr(0, 15);
  const bool text = std::all_of(start.begin(), start.end(), [](char c) { return (c >= ' ' && c < 127) || c == '\n'; });
  return std::to_string(magic) +
         (text ? " (it is text: '" + std::string(start.substr(0, start.find('\n'))) + "...')" : "");
}

/// Reads an IDX file of bytes: a magic number, the extents as big-endian 32-bit numbers, the elements.
template <int Rank>
Tensor<std::uint8_t, Rank> read_idx(const io::Path& path, const char* what) {
  constexpr std::uint32_t expected_magic = 0x800 + Rank;
  std::string content = io::read_file(path);
  const std::string origin = path.string();
  if (io::is_gzip(content)) content = io::gunzip(content, origin);
  constexpr std::size_t header = 4 + 4 * Rank;
  check<FormatError>(content.size() >= 4, origin.c_str(), "has ", content.size(), " bytes, expected an IDX file of ",
                     what);
  check<FormatError>(big_endian_32(content) == expected_magic, origin.c_str(), "the magic number is ",
                     describe_idx_start(content), ", expected ", expected_magic, " (", what, ")");
  check<FormatError>(content.size() >= header, origin.c_str(), "has ", content.size(), " bytes, an IDX header of ",
                     what, " has ", header);
  Shape<Rank> shape;
  // Divided, not multiplied: the product of three 32-bit extents can exceed any integer.
  std::size_t left = content.size() - header;
  bool fits = true, exact = true;
  for (int axis = 0; axis < Rank; ++axis) {
    const std::uint32_t extent =
        big_endian_32(std::string_view(content).substr(4 + 4 * static_cast<std::size_t>(axis)));
    check<FormatError>(extent > 0, origin.c_str(), "extent ", axis, " is 0");
    shape[axis] = extent;
    fits = fits && extent <= left;
    exact = exact && left % extent == 0;
    left /= extent;
  }
  check<FormatError>(fits && exact && left == 1, origin.c_str(), "the header says ", shape, ", the file has ",
                     content.size() - header, " bytes after it");
  Tensor<std::uint8_t, Rank> t(shape);
  std::memcpy(t.mutable_data(), content.data() + header, static_cast<std::size_t>(t.numel()));
  return t;
}

}  // namespace detail

/// Reads an IDX file of images, plain or gzipped, whatever its name. -> (N, H, W), 0 .. 255.
/// Throws IoError when it cannot be read; FormatError that says what was expected and what was found.
inline Tensor<std::uint8_t, 3> read_idx_images(const io::Path& path) {
  return detail::read_idx<3>(path, "images");
}

/// Reads an IDX file of labels, in the same manner. -> (N)
inline Tensor<std::uint8_t, 1> read_idx_labels(const io::Path& path) {
  return detail::read_idx<1>(path, "labels");
}

/// The file of this name in a folder, in any of its spellings: "train-images-idx3-ubyte", "train-images.idx3-ubyte",
/// each plain or with ".gz". Throws IoError listing what was looked for.
inline io::Path find_idx(const io::Path& folder, const std::string& name) {
  std::string dotted = name;
  if (const auto dash = dotted.rfind("-idx"); dash != std::string::npos) dotted[dash] = '.';
  std::string tried;
  for (const std::string& spelling : {name, dotted, name + ".gz", dotted + ".gz"}) {
    if (std::filesystem::is_regular_file(folder / spelling)) return folder / spelling;
    tried += (tried.empty() ? "" : ", ") + spelling;
  }
  throw IoError(message("find_idx: the folder ", io::quoted(folder), " has none of ", tried));
}

/// Gray images and the digit that each shows.
struct Digits {
  Tensor<std::uint8_t, 3> images;  ///< (N, H, W)
  Tensor<std::uint8_t, 1> labels;  ///< (N)
};

/// One part, "train" or "t10k", of MNIST in a folder of IDX files. Throws as the readers, and FormatError when the
/// numbers of images and labels differ.
inline Digits read_mnist(const io::Path& folder, const std::string& part) {
  const io::Path images = find_idx(folder, part + "-images-idx3-ubyte");
  const io::Path labels = find_idx(folder, part + "-labels-idx1-ubyte");
  Digits digits{read_idx_images(images), read_idx_labels(labels)};
  check<FormatError>(digits.images.shape()[0] == digits.labels.shape()[0], images.string().c_str(), "has ",
                     digits.images.shape()[0], " images, but ", io::quoted(labels), " has ", digits.labels.shape()[0],
                     " labels");
  return digits;
}

}  // namespace paser::data
#include "paser/core/macros_on.inc"
