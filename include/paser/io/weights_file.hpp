#pragma once
#include "paser/core/macros_off.inc"

#include "paser/core/text.hpp"
#include "paser/io/published_weights.hpp"
#include "paser/io/safetensors.hpp"
#include "paser/io/torch_file.hpp"

namespace paser::io {

namespace detail {

/// The tensors of one file, which is a safetensors file or one of torch.save.
template <class Json>
StateDict read_weights_of_one(const Path& path) {
  char begin[4] = {};
  InputFile file(path);
  file.read(begin, std::min<Index>(file.size(), 4));
  const std::string extension = path.extension().string();
  if (is_zip({begin, 4}) || extension == ".pt" || extension == ".pth" || extension == ".bin")
    return read_torch_file(path);
  return read_safetensors<Json>(path).tensors;
}

}  // namespace detail

/// The files of a checkpoint that is cut into several, by the index beside them (model.safetensors.index.json or
/// pytorch_model.bin.index.json of Hugging Face): {"weight_map": {tensor: file, ...}}; and which tensors each holds.
/// Throws FormatError when there is none, or a file does not lie beside the index.
template <class Json = nlohmann::json>
std::map<std::string, std::map<std::string, bool>> shards_of(const Path& index) {
  const std::string origin = index.string();
  const Dissolving<Json> document(read_json<Json>(index));
  check<FormatError>(
      document.json.is_object() && document.json.contains("weight_map") && document.json["weight_map"].is_object(),
      origin.c_str(), "expected an object with 'weight_map', a table of file names by tensor");
  std::map<std::string, std::map<std::string, bool>> files;
  for (const auto& [name, file] : document.json["weight_map"].items()) {
    check<FormatError>(file.is_string(), origin.c_str(), "the file of '", name, "' is not a text");
    const std::string file_name = file.template get<std::string>();
    const bool plain = Path(file_name).filename() == file_name && file_name != "..";
    check<FormatError>(plain, origin.c_str(), "the file of '", name, "' is '", visible(file_name),
                       "', expected a name without folders");
    files[file_name][name] = true;
  }
  check<FormatError>(!files.empty(), origin.c_str(), "its 'weight_map' is empty, expected the file of each tensor");
  return files;
}

/// The tensors of such a checkpoint. Throws as shards_of, and FormatError when a file does not hold exactly the tensors
/// that the index says.
template <class Json = nlohmann::json>
StateDict read_sharded(const Path& index) {
  StateDict state;
  for (const auto& [file_name, names] : shards_of<Json>(index)) {
    const Path path = index.parent_path() / file_name;
    const std::string origin = path.string();
    StateDict shard = detail::read_weights_of_one<Json>(path);
    for (const auto& [name, expected] : names)
      check<FormatError>(shard.contains(name), origin.c_str(), "there is no tensor '", name,
                         "', which the index says is there");
    for (auto& [name, tensor] : shard) {
      check<FormatError>(names.contains(name), origin.c_str(), "tensor '", name, "' is not in the index");
      state.emplace(name, std::move(tensor));
    }
  }
  return state;
}

/// The tensors of a published checkpoint: a safetensors file, a file of torch.save (see parse_torch_file), or the index
/// of several of either (*.index.json), told apart by what they begin with. Throws IoError and FormatError as their
/// readers.
template <class Json = nlohmann::json>
StateDict read_weights(const Path& path) {
  if (path.filename().string().ends_with(".index.json")) return read_sharded<Json>(path);
  return detail::read_weights_of_one<Json>(path);
}

/// Gives a network the weights of a published checkpoint. Strict as load_published; throws as that and read_weights.
template <class Module>
void load_weights(Module& module, const Path& path, const PublishedNames& names = {}) {
  load_published(module, read_weights(path), names, path.string());
}

/// Writes a network as a checkpoint is published: safetensors under the public names, as other programs read it.
template <class Module>
void save_weights(const Path& path, const Module& module, const PublishedNames& names = {}) {
  Safetensors content;
  content.tensors = published_state(module, names);
  content.metadata = {{"format", "pt"}};  // what Hugging Face's readers ask for
  write_safetensors(path, content);
}

}  // namespace paser::io
#include "paser/core/macros_on.inc"
