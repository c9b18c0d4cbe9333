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

/// An IDX file of bytes: a magic number, the extents as big-endian 32-bit numbers, the elements. The header is judged
/// before anything behind it is unpacked.
template <int Rank>
class IdxFile {
 public:
  IdxFile(const io::Path& path, const char* what) : origin_(path.string()), content_(io::read_file(path)) {
    packed_ = io::is_gzip(content_);
    constexpr std::size_t longest = 16;
    const io::GzipStart start = packed_ ? io::gzip_start(content_, longest, origin_)
                                        : io::GzipStart{content_.substr(0, longest), content_.size()};
    const std::uint32_t expected_magic = 0x800 + Rank;
    const std::string_view bytes = start.bytes;
    check<FormatError>(start.size >= 4, origin_.c_str(), "has ", start.size, " bytes", packed_ ? " as gzip says" : "",
                       ", expected an IDX file of ", what);
    check<FormatError>(big_endian_32(bytes) == expected_magic, origin_.c_str(), "the magic number is ",
                       describe_idx_start(bytes), ", expected ", expected_magic, " (", what, ")");
    check<FormatError>(start.size >= header, origin_.c_str(), "has ", start.size, " bytes, an IDX header of ", what,
                       " has ", header);
    // Divided, not multiplied: the product of three 32-bit extents can exceed any integer.
    std::size_t left = start.size - header;
    bool fits = true, exact = true;
    for (int axis = 0; axis < Rank; ++axis) {
      const std::uint32_t extent = big_endian_32(bytes.substr(4 + 4 * static_cast<std::size_t>(axis)));
      check<FormatError>(extent > 0, origin_.c_str(), "extent ", axis, " is 0");
      shape_[axis] = extent;
      fits = fits && extent <= left;
      exact = exact && left % extent == 0;
      left /= extent;
    }
    check<FormatError>(fits && exact && left == 1, origin_.c_str(), packed_ ? "damaged or cut off: " : "",
                       "the header says ", shape_, ", the file has ", start.size - header, " bytes after it");
  }

  const Shape<Rank>& shape() const { return shape_; }

  /// The elements. Throws FormatError on damage.
  Tensor<std::uint8_t, Rank> read() {
    if (packed_) content_ = io::gunzip(content_, origin_);
    packed_ = false;
    Tensor<std::uint8_t, Rank> t(shape_);
    std::memcpy(t.mutable_data(), content_.data() + header, static_cast<std::size_t>(t.numel()));
    return t;
  }

 private:
  static constexpr std::size_t header = 4 + 4 * Rank;

  std::string origin_, content_;
  bool packed_ = false;
  Shape<Rank> shape_;
};

}  // namespace detail

/// Reads an IDX file of images, plain or gzipped, whatever its name. -> (N, H, W), 0 .. 255.
/// Throws IoError when it cannot be read; FormatError that says what was expected and what was found.
inline Tensor<std::uint8_t, 3> read_idx_images(const io::Path& path) {
  return detail::IdxFile<3>(path, "images").read();
}

/// Reads an IDX file of labels, in the same manner. -> (N)
inline Tensor<std::uint8_t, 1> read_idx_labels(const io::Path& path) {
  return detail::IdxFile<1>(path, "labels").read();
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
/// numbers of images and labels differ, before either is unpacked.
inline Digits read_mnist(const io::Path& folder, const std::string& part) {
  const io::Path images_path = find_idx(folder, part + "-images-idx3-ubyte");
  const io::Path labels_path = find_idx(folder, part + "-labels-idx1-ubyte");
  detail::IdxFile<3> images(images_path, "images");
  detail::IdxFile<1> labels(labels_path, "labels");
  check<FormatError>(images.shape()[0] == labels.shape()[0], images_path.string().c_str(), "has ", images.shape()[0],
                     " images, but ", io::quoted(labels_path), " has ", labels.shape()[0], " labels");
  return {images.read(), labels.read()};
}

}  // namespace paser::data
#include "paser/core/macros_on.inc"
