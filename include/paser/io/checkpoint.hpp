#pragma once
#include "paser/core/macros_off.inc"

#include "paser/io/crc32.hpp"
#include "paser/io/safetensors.hpp"
#include "paser/io/state.hpp"

namespace paser::io {

/// Everything that a run needs to go on, in one file, so that all of it is of the same step: the states of any number
/// of models, each under a name of its own, further tensors (an optimizer's moments), and a JSON document (step, epoch,
/// configuration).
///
///   Checkpoint c;
///   c.put("f1", model);  c.tensors["adam/step_size"] = RawTensor::of(t);  c.info["epoch"] = 3;
///   c.save("run.safetensors");
///   Checkpoint::load("run.safetensors").get("f1", model);
///
/// The file is safetensors: tensor "f1/down1.conv1.weight", metadata "paser.info" and "paser.checksum".
template <class Json>
struct BasicCheckpoint {
  StateDict tensors;
  Json info = Json::object();
  std::string origin = "Checkpoint";  ///< the file it was loaded from, for messages

  BasicCheckpoint() = default;
  BasicCheckpoint(const BasicCheckpoint&) = default;
  BasicCheckpoint(BasicCheckpoint&&) noexcept = default;
  BasicCheckpoint& operator=(const BasicCheckpoint&) = default;
  BasicCheckpoint& operator=(BasicCheckpoint&&) noexcept = default;
  ~BasicCheckpoint() { dissolve(info); }

  /// Stores a model under a name that has no '/'. Throws ValueError when the name is taken or the model has nothing to
  /// store, as get could not tell that from a name that was never stored; NotFiniteError when a number of the model is
  /// NaN or infinite.
  template <class Module>
  void put(const std::string& name, const Module& module) {
    check<ValueError>(has_state(module), "Checkpoint", "'", name,
                      "' has no parameters or buffers to store; an optimizer has them once it is bound to its model or "
                      "has made a step, and what may have none is stored by put_if_any");
    nn::walk(module, [&name](const std::string& path, const auto& member) {
      check_finite("Checkpoint", member.value.numel(), member.value.data(), name, "/", path);
    });
    put_state(name, state_dict(module));
  }

  /// Stores any named tensors under a common name.
  void put_state(const std::string& name, const StateDict& state) {
    check<ValueError>(!name.empty() && name.find('/') == std::string::npos, "Checkpoint", "the name '", name,
                      "' must have a character and no '/'");
    check<ValueError>(!has(name), "Checkpoint", "there is already something named '", name, "'");
    for (const auto& [path, tensor] : state) tensors.emplace(name + "/" + path, tensor);
  }

  /// Whether something is stored under this name.
  bool has(const std::string& name) const {
    const auto it = tensors.lower_bound(name + "/");
    return it != tensors.end() && it->first.starts_with(name + "/");
  }

  /// What put_state stored; empty when there is nothing of this name.
  StateDict state(const std::string& name) const { return with_prefix(tensors, name + "/"); }

  /// Gives a model its stored state. Throws FormatError and NotFiniteError as load_state_dict does and then leaves the
  /// model as it was.
  template <class Module>
  void get(const std::string& name, Module& module) const {
    check<FormatError>(has(name), origin.c_str(), "nothing is stored under '", name, "'");
    load_state_dict(module, state(name), origin + ": '" + name + "'");
  }

  /// The same for a part that may have nothing to store, such as a policy without weights.
  template <class Module>
  void put_if_any(const std::string& name, const Module& module) {
    if (has_state(module)) put(name, module);
  }
  /// Reads what put_if_any stored.
  template <class Module>
  void get_if_any(const std::string& name, Module& module) const {
    if (has_state(module) || has(name)) get(name, module);
  }

  /// Writes the file, all or nothing. Throws IoError, with Existing::keep also where one is there; a file that was
  /// there before is then still whole. Texts of the document that are not UTF-8 are stored as json_text writes them.
  /// Throws FormatError on a document that load would refuse.
  void save(const Path& path, Existing existing = Existing::replace) const {
    Safetensors content;
    content.tensors = tensors;
    content.metadata = {{"paser.format", "checkpoint/1"}, {"paser.info", json_text(info)}};
    content.metadata["paser.checksum"] = std::to_string(checksum(tensors, content.metadata["paser.info"]));
    const Dissolving<Json> readable(parse_json<Json>(content.metadata["paser.info"], quoted(path) + ": info"));
    write_safetensors(path, content, existing);
  }

  /// Throws IoError when the file cannot be read, FormatError when it is no checkpoint or fails its checksum.
  static BasicCheckpoint load(const Path& path) { return of(read_safetensors(path), path.string()); }
  /// The same of a file that lies in memory; `origin` stands for its name in messages.
  static BasicCheckpoint parse(std::span<const std::byte> bytes, const std::string& origin) {
    return of(parse_safetensors(bytes, origin), origin);
  }

 private:
  static BasicCheckpoint of(Safetensors content, const std::string& file) {
    auto& metadata = content.metadata;
    check<FormatError>(metadata["paser.format"] == "checkpoint/1", file.c_str(),
                       "not a checkpoint of paser: its metadata 'paser.format' is '", metadata["paser.format"],
                       "', expected 'checkpoint/1'");
    const std::string expected = std::to_string(checksum(content.tensors, metadata["paser.info"]));
    check<FormatError>(metadata["paser.checksum"] == expected, file.c_str(), "damaged: its content has checksum ",
                       expected, ", it was written with ", metadata["paser.checksum"]);
    BasicCheckpoint c;
    c.tensors = std::move(content.tensors);
    c.origin = file;
    c.info = parse_json<Json>(metadata["paser.info"], file + ": metadata 'paser.info'");
    return c;
  }

  /// CRC-32 over the names, types, shapes and bytes of all tensors in the order of their names, and over the document.
  static std::uint32_t checksum(const StateDict& tensors, const std::string& document) {
    Crc32 crc;
    for (const auto& [name, t] : tensors) {
      crc.add(message(name, '\0', t.dtype, t.shape_text()));
      crc.add(std::as_bytes(t.bytes.values()));
    }
    return crc.add(document).value();
  }
};

/// The checkpoint. It is a template so that only programs that use it pay for compiling JSON.
using Checkpoint = BasicCheckpoint<nlohmann::json>;

/// One model and a JSON document in a file of its own. Throws as Checkpoint does.
template <class Module>
void save_model(const Path& path, const Module& module, const nlohmann::json& document = nlohmann::json::object()) {
  Checkpoint c;
  c.put("model", module);
  c.info = document;
  c.save(path);
}

/// Reads what save_model wrote into a model of the same shapes and returns the document. Throws as Checkpoint does.
template <class Module>
nlohmann::json load_model(const Path& path, Module& module) {
  Checkpoint c = Checkpoint::load(path);
  c.get("model", module);
  return std::move(c.info);
}

}  // namespace paser::io
#include "paser/core/macros_on.inc"
