/// Whether check_fixtures notices what is wrong: it runs the program on corrupted copies of the fixtures.

#include <sys/wait.h>

#include <array>
#include <catch2/catch.hpp>
#include <cstdio>
#include <fstream>

#include "paser/io/safetensors.hpp"
#include "support/temporary_folder.hpp"

namespace {

using paser::io::RawTensor;
using paser::io::Safetensors;

struct Outcome {
  int status = 0;
  std::string output;
};

Outcome check(const std::filesystem::path& folder, const std::string& options = "") {
  const std::string command = std::string(CHECK_FIXTURES) + " '" + folder.string() + "' " + options + " 2>&1";
  FILE* pipe = popen(command.c_str(), "r");
  REQUIRE(pipe != nullptr);
  Outcome outcome;
  std::array<char, 4096> buffer;
  while (const std::size_t count = fread(buffer.data(), 1, buffer.size(), pipe))
    outcome.output.append(buffer.data(), count);
  const int status = pclose(pipe);
  outcome.status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  return outcome;
}

Safetensors fixture(const std::string& name) {
  return paser::io::read_safetensors(std::filesystem::path(PASER_TEST_DATA) / "fixtures" / (name + ".safetensors"));
}

/// One value moved by `change`.
template <class T>
RawTensor perturbed(const RawTensor& raw, T change) {
  RawTensor flat = raw;
  flat.shape = {raw.numel()};
  auto values = flat.as<T, 1>();
  values.mutable_data()[raw.numel() / 2] += change;
  RawTensor result = RawTensor::of(values);
  result.shape = raw.shape;
  return result;
}

RawTensor perturbed(const RawTensor& raw, double change) {
  return raw.dtype == paser::io::DType::I64 ? perturbed<std::int64_t>(raw, 1)
                                            : perturbed<float>(raw, static_cast<float>(change));
}

/// One value moved by a thousandth of the largest: floating numbers of any type.
template <class T>
RawTensor moved_by_a_thousandth(const RawTensor& raw) {
  RawTensor flat = raw;
  flat.shape = {raw.numel()};
  const auto values = flat.as<T, 1>();
  T largest = 0;
  for (const T v : values.values()) largest = std::max(largest, std::abs(v));
  return perturbed<T>(raw, std::max(largest, T(1)) / 1000);
}

RawTensor moved_by_a_thousandth(const RawTensor& raw) {
  return raw.dtype == paser::io::DType::F64 ? moved_by_a_thousandth<double>(raw) : moved_by_a_thousandth<float>(raw);
}

/// What the program says of a folder with this one file.
Outcome check_file(const Safetensors& content, const std::string& options = "") {
  const TemporaryFolder folder;
  paser::io::write_safetensors(folder / "corrupted.safetensors", content);
  return check(folder.path(), options);
}

}  // namespace

TEST_CASE("every tensor with a bound is noticed when it is wrong") {
  const std::string name = GENERATE("ops_activation", "ops_loss", "ops_linear_attention", "optim", "method_metrics",
                                    "method_state", "model_unet_tiny", "imaging", "flops");
  Safetensors content = fixture(name);
  std::vector<std::string> wrong;
  for (auto& [key, tensor] : content.tensors) {
    const auto bound = content.metadata.find("tol:" + key);
    if (bound == content.metadata.end() || tensor.numel() == 0) continue;
    tensor = perturbed(tensor, 1e3 + 4 * std::stod(bound->second));
    wrong.push_back(key);
  }
  REQUIRE(!wrong.empty());
  const Outcome outcome = check_file(content, "--verbose");
  CHECK(outcome.status == 1);
  for (const std::string& key : wrong) {
    const auto slash = key.find('/');
    INFO(key);
    CHECK(outcome.output.find(key.substr(0, slash) + " " + key.substr(slash + 1) + ": ") != std::string::npos);
  }
}

TEST_CASE("a difference just above the bound fails, one just below passes") {
  const auto moved = [](double part) {
    Safetensors content = fixture("ops_loss");
    const std::string key = "kd_mse/output";
    content.tensors.at(key) = perturbed(content.tensors.at(key), part * std::stod(content.metadata.at("tol:" + key)));
    return check_file(content, "--only kd_mse");
  };
  CHECK(moved(0.5).status == 0);
  const Outcome above = moved(2);
  CHECK(above.status == 1);
  CHECK(above.output.find("FAIL corrupted.safetensors kd_mse output: worst difference") != std::string::npos);
  CHECK(above.output.find("0 passed, 1 failed") != std::string::npos);
}

TEST_CASE("tensors with rules of their own are noticed when they are wrong") {
  const auto wrong = [](const std::string& file, const std::string& name, const std::string& role, double change) {
    Safetensors content = fixture(file);
    auto& tensor = content.tensors.at(name + "/" + role);
    tensor = perturbed(tensor, change);
    const Outcome outcome = check_file(content, "--verbose --only " + name);
    INFO(outcome.output);
    CHECK(outcome.status == 1);
    CHECK(outcome.output.find(" " + name + " " + role + ": ") != std::string::npos);
  };
  SECTION("checksums of gradients") {
    wrong("model_unet_tiny", "tiny_strict", "gradstat/softconv.weight", 10);
  }
  SECTION("bounds of frequencies") {
    wrong("method_metrics", "sampling", "freq_bound", -1);
  }
}

TEST_CASE("more pixels than may differ are noticed") {
  const std::string key = "ft_plain/baseline_pred";
  const auto moved = [&key](paser::Index count) {
    Safetensors content = fixture("method_finetune_step");
    auto& tensor = content.tensors.at(key);
    auto labels = tensor.as<std::int64_t, 3>();
    for (paser::Index i = 0; i < count; ++i) labels.mutable_data()[i] += 7;
    tensor = RawTensor::of(labels);
    return check_file(content, "--only ft_plain");
  };
  const Outcome outcome = moved(60);
  CHECK(outcome.status == 1);
  CHECK(outcome.output.find("ft_plain baseline_pred: entries that differ") != std::string::npos);
}

TEST_CASE("a value that is no number fails") {
  Safetensors content = fixture("ops_loss");
  content.tensors.at("kd_mse/output") =
      perturbed(content.tensors.at("kd_mse/output"), std::numeric_limits<double>::quiet_NaN());
  CHECK(check_file(content, "--only kd_mse").status == 1);
}

TEST_CASE("an op that the program does not know fails") {
  Safetensors content = fixture("optim");
  content.metadata.at("adamw.op") = "telepathy";
  const Outcome outcome = check_file(content);
  CHECK(outcome.status == 1);
  CHECK(outcome.output.find("adamw op: unknown op 'telepathy'") != std::string::npos);
  CHECK(outcome.output.find(", 1 failed") != std::string::npos);
}

TEST_CASE("a case that compares nothing fails") {
  Safetensors content = fixture("ops_loss");
  std::erase_if(content.metadata, [](const auto& entry) { return entry.first.find("kd_mse/") != std::string::npos; });
  CHECK(check_file(content, "--only kd_mse").status == 1);
  std::erase_if(content.tensors, [](const auto& entry) {
    return entry.first.starts_with("kd_mse/output") || entry.first.starts_with("kd_mse/grad_student") ||
           entry.first.starts_with("kd_mse/grad_teacher");
  });
  const Outcome outcome = check_file(content, "--only kd_mse");
  CHECK(outcome.status == 1);
  CHECK(outcome.output.find("nothing was compared") != std::string::npos);
}

TEST_CASE("a result that no check knows fails") {
  Safetensors content = fixture("ops_loss");
  content.tensors["kd_mse/surprise"] = content.tensors.at("kd_mse/output");
  content.metadata["tol:kd_mse/surprise"] = "1";
  const Outcome outcome = check_file(content, "--only kd_mse");
  CHECK(outcome.status == 1);
  CHECK(outcome.output.find("kd_mse surprise: was not compared") != std::string::npos);
}

TEST_CASE("a file that is no fixture fails") {
  Safetensors content = fixture("ops_loss");
  SECTION("another schema") {
    content.metadata.at("schema") = "paser-fixtures/2";
  }
  SECTION("no schema") {
    content.metadata.erase("schema");
  }
  SECTION("no list of cases") {
    content.metadata.erase("cases");
  }
  SECTION("a tensor of no case") {
    content.tensors["nobody/output"] = content.tensors.begin()->second;
  }
  const Outcome outcome = check_file(content);
  CHECK(outcome.status == 1);
  CHECK(outcome.output.find("FAIL corrupted.safetensors") != std::string::npos);
}

TEST_CASE("a folder without cases, or none at all, fails") {
  const TemporaryFolder folder;
  CHECK(check(folder.path()).status != 0);
  std::ofstream(folder / "cut.safetensors") << "12345";
  CHECK(check(folder.path()).status == 1);
  CHECK(check(folder / "nowhere").status != 0);
}

TEST_CASE("every tensor of a comparison model is noticed when it is wrong") {
  const std::string name = "zoo_deeplabv3plus_smp_mnv2";
  const TemporaryFolder folder;
  Safetensors content = fixture(name + ".io"), weights = fixture(name + ".weights");
  std::vector<std::string> wrong;
  SECTION("results") {
    for (auto& [key, tensor] : content.tensors) {
      if (key.starts_with("input") || key == "labels" || key.starts_with("feat.")) continue;
      tensor = moved_by_a_thousandth(tensor);
      wrong.push_back(key);
    }
    REQUIRE(wrong.size() > 100);
  }
  SECTION("the checkpoint") {
    auto& tensor = weights.tensors.at("segmentation_head.0.bias");
    tensor = perturbed(tensor, 1e-3);
    wrong = {"eval.logits", "train.sgd.losses"};
  }
  SECTION("a name of the checkpoint") {
    weights.tensors["encoder.features.19.0.weight"] = weights.tensors.at("encoder.features.18.0.weight");
    wrong = {"-"};
  }
  SECTION("a result that no check knows") {
    content.tensors["eval.surprise"] = content.tensors.at("eval.loss");
    wrong = {"eval.surprise"};
  }
  paser::io::write_safetensors(folder / (name + ".io.safetensors"), content);
  paser::io::write_safetensors(folder / (name + ".weights.safetensors"), weights);
  const Outcome outcome = check(folder.path(), "--verbose");
  CHECK(outcome.status == 1);
  for (const std::string& key : wrong) {
    INFO(key);
    CHECK(outcome.output.find(" - " + key + ": ") != std::string::npos);
  }
}

TEST_CASE("a comparison model that the program does not know fails") {
  Safetensors content = fixture("zoo_deeplabv3plus_smp_mnv2.io");
  content.metadata.at("config") = R"({"arch": "perceptron"})";
  const TemporaryFolder folder;
  paser::io::write_safetensors(folder / "zoo_net.io.safetensors", content);
  paser::io::write_safetensors(folder / content.metadata.at("weights"), fixture("zoo_deeplabv3plus_smp_mnv2.weights"));
  const Outcome outcome = check(folder.path());
  CHECK(outcome.status == 1);
  CHECK(outcome.output.find("unknown architecture 'perceptron'") != std::string::npos);
}
