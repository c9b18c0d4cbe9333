#pragma once
#include "paser/core/macros_off.inc"

#include "paser/io/file.hpp"
#include "paser/io/stored_zip.hpp"
#include "paser/io/torch_pickle.hpp"

/// Files of torch.save (.pt, .pth), read without Python: tensors in plain containers. Nothing in them is executed.
namespace paser::io {

namespace detail {

/// Makes tensors from the storages of one file.
class TorchStorages {
 public:
  TorchStorages(const std::map<std::string, std::string_view>& entries, std::string folder, std::size_t file_bytes,
                const std::string& origin)
      : entries_(entries), folder_(std::move(folder)), left_(8 * static_cast<Index>(file_bytes)), origin_(origin) {}

  RawTensor tensor(const std::string& name, const PickleNode& node) {
    const std::string where = origin_ + ": tensor '" + name + "'";
    const auto refuse_unless = [&where](bool holds, const auto&... problem) {
      check<FormatError>(holds, where.c_str(), problem...);
    };
    RawTensor t;
    t.dtype = node.storage->dtype;
    t.shape = numbers(*node.shape);
    const std::vector<Index> strides = numbers(*node.strides);
    t.origin = where;
    const Index element = info(t.dtype).bytes, count = t.numel(), held = node.storage->integer;
    const std::string_view* const content = content_of(*node.storage->key);
    refuse_unless(content != nullptr, "its storage '", node.storage->key->text, "' is not in the file");
    const auto bytes = static_cast<Index>(content->size());
    refuse_unless(held == bytes / element && bytes % element == 0, "its storage has ", bytes, " bytes, expected ", held,
                  " elements of ", t.dtype);
    refuse_unless(strides.size() == t.shape.size(), "it has ", t.shape.size(), " axes and ", strides.size(),
                  " strides");
    refuse_unless(count <= held && reaches(node.offset, t.shape, strides) < held, "shape ", t.shape_text(),
                  " from element ", node.offset, " goes beyond the ", held, " elements of its storage");
    left_ -= count * element;
    refuse_unless(left_ >= 0, "together with those before it is far larger than the file");
    t.bytes = Tensor<std::uint8_t, 1>({count * element});
    if (count > 0) gather(t, strides, content->data() + node.offset * element);
    return t;
  }

 private:
  static std::vector<Index> numbers(const PickleNode& tuple) {
    std::vector<Index> list;
    for (const PickleNode* const item : tuple.items) list.push_back(item->integer);
    return list;
  }

  /// What the file has under a storage's key, null when nothing. Thousands of tensors may have one key, and a long one.
  const std::string_view* content_of(const PickleNode& key) {
    const auto [found, first] = contents_.try_emplace(&key, nullptr);
    if (first)
      if (const auto entry = entries_.find(folder_ + "data/" + key.text); entry != entries_.end())
        found->second = &entry->second;
    return found->second;
  }

  /// The last element that a tensor reads, -1 when it is empty; the greatest number where it overflows.
  static Index reaches(Index offset, const std::vector<Index>& shape, const std::vector<Index>& strides) {
    Index last = offset;
    for (std::size_t axis = 0; axis < shape.size(); ++axis) {
      if (shape[axis] == 0) return -1;
      Index along = 0;
      if (__builtin_mul_overflow(shape[axis] - 1, strides[axis], &along) || __builtin_add_overflow(last, along, &last))
        return std::numeric_limits<Index>::max();
    }
    return last < 0 ? std::numeric_limits<Index>::max() : last;
  }

  /// The elements in row-major order, whatever the strides.
  static void gather(RawTensor& t, const std::vector<Index>& strides, const char* from) {
    const Index element = info(t.dtype).bytes;
    std::uint8_t* to = t.bytes.mutable_data();
    std::vector<Index> position(t.shape.size(), 0);
    for (Index source = 0;;) {
      std::memcpy(to, from + source * element, static_cast<std::size_t>(element));
      to += element;
      std::size_t axis = t.shape.size();
      while (axis-- > 0) {  // the odometer of the axes
        source += strides[axis];
        if (++position[axis] < t.shape[axis]) break;
        source -= position[axis] * strides[axis];
        position[axis] = 0;
      }
      if (axis > t.shape.size()) return;
    }
  }

  const std::map<std::string, std::string_view>& entries_;
  std::map<const PickleNode*, const std::string_view*> contents_;  // by the node of the storage's key
  std::string folder_;
  Index left_;  // a few names for one storage are common, thousands are an attack on the memory
  const std::string& origin_;
};

inline bool holds_tensors(const PickleNode& node) {
  if (node.kind != PickleNode::Kind::dict) return false;
  for (std::size_t i = 1; i < node.items.size(); i += 2)
    if (node.items[i]->kind == PickleNode::Kind::tensor) return true;
  return false;
}

/// The state dict in a file: what its root has under one of the names that trainers use, or else the root. Trainers put
/// single tensors beside the state dict too, so that there are some does not make the root one.
inline const PickleNode& state_dict(const PickleNode& root, const std::string& origin) {
  std::string names;
  for (const char* const usual : {"state_dict", "model_state", "model_state_dict", "model"}) {
    const PickleNode* under = nullptr;
    for (std::size_t i = 0; root.kind == PickleNode::Kind::dict && i < root.items.size(); i += 2) {
      if (root.items[i]->kind != PickleNode::Kind::text || root.items[i]->text != usual) continue;
      // Else all that stand there would have to be looked through, be they the same one.
      check<FormatError>(under == nullptr, origin.c_str(), "its entry '", usual, "' stands there twice");
      under = root.items[i + 1];
    }
    if (under != nullptr && holds_tensors(*under)) return *under;
    names += (names.empty() ? "'" : ", '") + std::string(usual) + "'";
  }
  if (holds_tensors(root)) return root;
  throw FormatError(message(origin, ": holds no tensors by name, neither itself nor under ", names));
}

}  // namespace detail

/// The state dict in the content of a file of torch.save: the dict of tensors under "state_dict", "model_state",
/// "model_state_dict" or "model", or else the file's own. Shapes and layouts are torch's. Throws FormatError that
/// starts with `origin` when the content is no such archive, is cut or damaged, or holds anything but tensors, numbers,
/// texts, lists, tuples and dicts, which is told by its name.
inline StateDict parse_torch_file(std::string_view content, const std::string& origin) {
  check<FormatError>(is_zip(content), origin.c_str(),
                     "is no ZIP archive; files of torch.save before version 1.6 are not read, load and save it again");
  const auto entries = parse_stored_zip(content, origin);
  std::string folder;
  const std::string_view* program = nullptr;
  for (const auto& [name, bytes] : entries)
    if (name == "data.pkl" || name.ends_with("/data.pkl")) {
      check<FormatError>(program == nullptr, origin.c_str(), "has two entries data.pkl");
      folder = name.substr(0, name.size() - 8);
      program = &bytes;
    }
  check<FormatError>(program != nullptr, origin.c_str(), "has no entry data.pkl: it is not of torch.save");
  const auto order = entries.find(folder + "byteorder");
  check<FormatError>(order == entries.end() || order->second == "little", origin.c_str(),
                     "was written on a machine of another byte order");
  const detail::Pickle pickle = detail::PickleMachine(*program, origin).run();
  detail::TorchStorages storages(entries, folder, content.size(), origin);
  StateDict state;
  const auto& items = detail::state_dict(*pickle.root, origin).items;
  for (std::size_t i = 0; i < items.size(); i += 2) {
    const auto &key = *items[i], &value = *items[i + 1];
    check<FormatError>(key.kind == detail::PickleNode::Kind::text && value.kind == detail::PickleNode::Kind::tensor,
                       origin.c_str(), "its entry '", key.text, "' among the tensors is none");
    check<FormatError>(state.emplace(key.text, storages.tensor(key.text, value)).second, origin.c_str(), "tensor '",
                       key.text, "' stands there twice");
  }
  return state;
}

/// The same for a file. Throws IoError when it cannot be read.
inline StateDict read_torch_file(const Path& path) {
  return parse_torch_file(read_file(path), path.string());
}

}  // namespace paser::io
#include "paser/core/macros_on.inc"
