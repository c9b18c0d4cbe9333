/// Published PyTorch weights to a model that the other subcommands take, and the networks of a model to weights as they
/// are published.
///
///   paser convert segformer_b0.pth b0.safetensors --imagenet
///     --network 'segformer:{"in":3,"classes":19,"size":"B0"}'
///   paser convert run f2.safetensors --take f2
///
/// Exit status: 0 done; 1 the output cannot be written; 2 wrong options, or weights that cannot be read or do not fit
/// the network; 3 a number of them is not finite.

#include <CLI/CLI.hpp>

#include "command.hpp"
#include "common_options.hpp"
#include "file_kind.hpp"
#include "network_name.hpp"
#include "paser/io/output_folder.hpp"
#include "paser/models/registered/registered.hpp"
#include "program.hpp"
#include "published.hpp"
#include "trained_model.hpp"

namespace command {

namespace convert_command {

using namespace paser;
namespace fs = std::filesystem;

struct Arguments {
  fs::path in, out;
  std::string variant, network, take, names;
  std::vector<std::string> classes;
  std::vector<Index> size{512, 512};
  bool sized = false, imagenet = false, overwrite = false;  ///< sized: the size was said
  program::CommonOptions common;
};

io::Existing existing(const Arguments& a) {
  return a.overwrite ? io::Existing::replace : io::Existing::keep;
}

/// The network as a PaSeR takes it: with an answer for every pixel of an image of any size, resized as the code does
/// that published the weights.
models::AnySegmenter<float> fitted(const Published& published, const Arguments& a) {
  models::AnySegmenter<float> network = published.network;
  if (a.imagenet) {
    check<ValueError>(network.channels() == 3, "--imagenet", "the network takes ", network.channels(),
                      " channels, expected 3");
    network = models::Normalised<float>(std::move(network), {.485, .456, .406}, {.229, .224, .225});
  }
  const Index multiple = network.size_multiple();  // before the move, whichever argument a compiler evaluates first
  if (multiple > 1) network = models::Padded<float>(std::move(network), multiple);
  if (network.stride() > 1) network = models::Resized<float>(std::move(network), 1.0, published.answer());
  return network;
}

/// What was converted, for people or programs; in a dry run what would be. inputs: the files that were read.
void tell(const Arguments& a, const std::vector<fs::path>& inputs, const models::ModelSpec& spec,
          const models::AnySegmenter<float>& network, std::size_t tensors) {
  nlohmann::json facts{{"network", spec}, {"tensors", tensors}, {"parameters", nn::count_parameters(network)}};
  const std::string about =
      message(spec.type, ": ", tensors, " tensors, ", facts["parameters"].get<Index>(), " parameters");
  if (a.common.dry_run) {
    program::DryRun dry;
    dry.reads({inputs.front(), about, facts}).writes({a.out});
    for (std::size_t k = 1; k < inputs.size(); ++k) dry.reads({inputs[k]});
    throw program::DryRunEnds{std::move(dry)};
  }
  if (a.common.json) {
    facts["written"] = a.out.string();
    std::cout << io::json_text(facts, 2) << "\n";
  } else {
    std::cout << about << " in " << visible(a.out.string()) << "\n";
  }
}

/// Weights of a checkpoint become a PaSeR of one network.
void to_model(const Arguments& a, const std::vector<fs::path>& inputs) {
  check<ValueError>(a.take.empty() && a.variant.empty(), "paser convert", "--take and --variant are for a model, and ",
                    a.in.string(), " has weights");
  check<ValueError>(!a.network.empty(), "--network",
                    "expected the network that the weights are of, such as segformer:{\"in\":3,\"classes\":19,",
                    "\"size\":\"B0\"}");
  Published published(network_named(a.network), a.names);
  const io::StateDict tensors = io::read_weights(a.in);
  published.load(tensors, a.in.string());

  pipeline::PaserDescription d;
  d.channels = published.network.channels();
  d.class_names = a.classes;
  for (Index k = 0; a.classes.empty() && k < published.network.classes(); ++k)
    d.class_names.push_back(message("class ", k));
  d.grid = {1, 1};
  d.height = a.size.at(0);
  d.width = a.size.at(1);
  d.info["converted"] = {{"from", a.in.filename().string()}, {"network", published.spec}};
  pipeline::Paser<float> paser{.models = {fitted(published, a)},
                               .policy = pipeline::Constant{0},
                               .grid = d.grid,
                               .estimator = uncertainty::SoftmaxEntropy{}};
  pipeline::detail::check_description<ValueError>(d, "paser convert");
  pipeline::detail::check_networks<ValueError>(paser.models, d, "paser convert");
  program::work_has_begun() = true;
  if (!a.common.dry_run) pipeline::save_paser(a.out, paser, d, existing(a));
  tell(a, inputs, published.spec, published.network, tensors.size());
}

/// One network of a model becomes a checkpoint.
void to_weights(const Arguments& a, const fs::path& file) {
  check<ValueError>(a.network.empty() && a.classes.empty() && !a.sized && !a.imagenet, "paser convert",
                    "--network, --classes, --size and --imagenet are for weights that become a model, and ",
                    file.string(), " is a model already; --take says which of its networks is written");
  const auto loaded = pipeline::load_paser(file);
  std::vector<std::string> known;
  for (Index k = 0; k < loaded.paser.actions(); ++k) known.push_back(message("f", k + 1));
  const std::string wanted = a.take.empty() && known.size() == 1 ? known[0] : a.take;
  check<ValueError>(!wanted.empty(), "--take", "the model has ", known.size(), " networks, expected one of f1 .. ",
                    known.back());
  const auto found = std::ranges::find(known, wanted);
  if (found == known.end()) throw ValueError(unknown_name("network", wanted, known));
  const auto& network = loaded.paser.models[static_cast<std::size_t>(found - known.begin())];
  const Bare bare = without_wrappers(network.spec());
  io::StateDict state;
  for (const auto& [name, tensor] : io::state_dict(network)) state.emplace(name.substr(bare.prefix.size()), tensor);
  Published published(bare.spec, a.names);
  io::load_state_dict(published.network, state, file.string());
  const io::Safetensors content = published.checkpoint();
  program::work_has_begun() = true;
  if (!a.common.dry_run) io::write_safetensors(a.out, content, existing(a));
  tell(a, {file}, bare.spec, published.network, content.tensors.size());
}

int convert(const Arguments& a) {
  check<ValueError>(a.out.filename() != ".safetensors", "paser convert", a.out.string(),
                    ": expected a name before .safetensors");
  const std::string ending = a.out.extension().string();
  check<ValueError>(ending == ".safetensors", "paser convert", a.out.string(), ": files that end with ",
                    ending.empty() ? "nothing" : ending,
                    " are not written; expected a name that ends with .safetensors");
  const bool model = fs::is_directory(a.in) || holds_model(a.in);
  std::vector<fs::path> inputs{model ? program::model_file(a.in, a.variant) : a.in};
  if (a.in.filename().string().ends_with(".index.json"))
    for (const auto& shard : io::shards_of(a.in)) inputs.push_back(a.in.parent_path() / shard.first);
  std::error_code error;
  for (const fs::path& input : inputs)
    check<ValueError>(!fs::equivalent(input, a.out, error), "paser convert", a.out.string(), " is the input");
  check<ValueError>(a.overwrite || !fs::exists(fs::symlink_status(a.out, error)), "paser convert", a.out.string(),
                    " is there already; --overwrite replaces it");
  (void)io::folder_and_name(a.out);
  if (model)
    to_weights(a, inputs.front());
  else
    to_model(a, inputs);
  return program::done;
}

}  // namespace convert_command

int run_convert(int argc, char** argv) {
  using namespace convert_command;
  Arguments a;
  CLI::App app("Published PyTorch weights to a model, or a network of a model to weights as they are published.");
  app.add_option("in", a.in,
                 "weights: safetensors, *.index.json of several, or a file of torch.save; or a model or run folder")
      ->required();
  app.add_option("out", a.out, "a new file *.safetensors")->required();
  app.add_option("--network", a.network, "what the weights are of: NAME:JSON of the registry (docs/models.md)");
  app.add_option(
      "--names", a.names,
      "whose names the weights have: of segformer hugging_face, nvlabs or smp; of unet released (the PaSeR "
      "authors') or paser; the first by default, of segformer those of its convention, which they set where it "
      "is left out");
  app.add_option("--classes", a.classes, "their names, as the model is to have them: road,sky,...")->delimiter(',');
  const CLI::Option* const size =
      app.add_option("--size", a.size, "height and width of the windows in which the model is to segment images")
          ->expected(2)
          ->check(CLI::Range(1, 65536))
          ->capture_default_str();
  app.add_flag("--imagenet", a.imagenet, "the network expects RGB less ImageNet's means, by its deviations");
  app.add_option("--take", a.take, "of a model with several networks: f1, f2, ...");
  app.add_option("--variant", a.variant, "of a run folder: the checkpoint's name, such as paser_tuned");
  app.add_flag("--overwrite", a.overwrite, "replace the output if it is there");
  a.common.add_to(app);
  app.footer(
      "Example: paser convert model.pth b0.safetensors --network 'segformer:{\"in\":3,\"classes\":19,\"size\":\"B0\"}' "
      "--imagenet\n"
      "Exit status: 0 done; 1 the output cannot be written; 2 wrong options, or weights that cannot be read or do not "
      "fit\nthe network; 3 a number of them is not finite.");
  return program::run(app, argc, argv, [&](const std::string&) {
    a.sized = size->count() > 0;
    return convert(a);
  });
}

}  // namespace command
