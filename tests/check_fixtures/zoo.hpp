#pragma once

#include <functional>
#include <nlohmann/json.hpp>

#include "fixture.hpp"
#include "paser/io/published_weights.hpp"
#include "paser/io/safetensors.hpp"
#include "paser/models/any_segmenter.hpp"

/// Fixtures of the comparison models, files zoo_*: tiny networks with gradients and training steps, and networks of
/// full size from closed-form weights.
namespace fixtures {

/// A network and what its tensors are called in the fixture.
template <class T>
struct ZooNetwork {
  paser::models::AnySegmenter<T> model;
  paser::io::PublishedNames names{};
};

/// Makes the network of a fixture from its setting "config". `keys` are the names of the checkpoint's tensors, which
/// tell apart what the settings do not. The weights do not matter.
template <class T>
using ZooFamily = ZooNetwork<T> (*)(const nlohmann::json& config, const std::vector<std::string>& keys);

// One function a family, in the file of its name, for float and double.
template <class T>
ZooNetwork<T> make_deeplabv3plus(const nlohmann::json& config, const std::vector<std::string>& keys);

template <class T>
ZooNetwork<T> make_segformer(const nlohmann::json& config, const std::vector<std::string>& keys);
template <class T>
ZooNetwork<T> make_efficientvit(const nlohmann::json& config, const std::vector<std::string>& keys);

/// The families by the setting "arch" of a fixture's configuration.
template <class T>
const std::map<std::string, ZooFamily<T>>& zoo_families() {
  static const std::map<std::string, ZooFamily<T>> families{{"deeplabv3plus", make_deeplabv3plus<T>},
                                                            {"efficientvit_seg", make_efficientvit<T>},
                                                            {"segformer", make_segformer<T>}};
  return families;
}

/// The values of a tensor of any type.
Stored doubles_of(const paser::io::RawTensor& raw);

/// A file of reference values and the record of what has been compared with it.
class ZooReference {
 public:
  explicit ZooReference(const std::filesystem::path& path);

  /// Throws paser::FormatError when there is no such setting, or it is no JSON.
  const std::string& text(const std::string& setting) const;
  nlohmann::json json(const std::string& setting) const;
  bool has(const std::string& key) const { return file_.tensors.contains(key); }
  Stored stored(const std::string& key) const { return doubles_of(file_.at(key)); }
  /// Keys that start with `prefix`, the prefix taken off.
  std::vector<std::string> keys(const std::string& prefix) const;
  template <class T>
  paser::Tensor<T, 4> image(const std::string& key) const {
    return to_tensor<T, 4>(axis_to_last(stored(key), 1));
  }

  /// What a result may differ by, relative to its largest value: ten times what PyTorch's own float32 run does under
  /// `error`, and 1e-5.
  double tolerance(const std::string& error) const;

  /// Compares under `tolerance` times the largest stored value, or times `scale` where that is larger. What the file
  /// does not hold is ignored.
  void expect(const std::string& key, const Stored& got, double tolerance, double scale = 0);
  /// The same for images in our layout, of which the file may hold every step-th row and column.
  void expect_image(const std::string& key, const Stored& got, double tolerance, paser::Index step);
  /// Compares the stored ones of these tensors as one vector: relative L2 difference.
  void expect_together(const std::string& name, const std::map<std::string, Stored>& got, double tolerance);
  void expect_that(bool holds, const std::string& key, const std::string& problem);
  /// All failures, the worst first; what the file holds and nobody compared is one, but for inputs and intermediates.
  std::vector<Failure> finish();
  paser::Index compared() const { return compared_; }

 private:
  paser::io::Safetensors file_;
  nlohmann::json errors_;
  std::set<std::string> seen_;
  std::vector<Failure> failures_;
  paser::Index compared_ = 0;
};

/// The network of a reference. Throws paser::FormatError when no family has the name.
template <class T>
ZooNetwork<T> make_zoo_network(const ZooReference& reference, const std::vector<std::string>& keys) {
  const nlohmann::json config = reference.json("config");
  const std::string arch = config.at("arch").get<std::string>();
  const auto family = zoo_families<T>().find(arch);
  paser::check<paser::FormatError>(family != zoo_families<T>().end(), "fixture", "unknown architecture '", arch, "'");
  return family->second(config, keys);
}

/// A tiny network: outputs, losses, gradients, statistics and training steps. `weights` is the checkpoint beside.
void check_zoo_tiny(ZooReference& reference, const std::filesystem::path& weights);

/// A network of full size.
void check_zoo_full(ZooReference& reference);

}  // namespace fixtures
