/// Any text as the description in the file of a trained PaSeR, its checksum right: a Paser, or an error of paser's.
#include <unistd.h>

#include "paser/models/registered/registered.hpp"
#include "paser/models/unet.hpp"
#include "paser/pipeline/paser_file.hpp"

namespace {

using namespace paser;

/// A file of three small networks.
const io::Checkpoint& whole() {
  static const io::Checkpoint checkpoint = [] {
    pipeline::PaserDescription d;
    d.class_names = {"pore", "carbon"};
    for (const Index width : {2, 2, 4})
      d.networks.push_back(models::UNetSpec{.classes = 2, .width = width, .depth = 1});
    d.grid = {2, 2};
    d.height = d.width = 8;
    d.estimator = uncertainty::McDropout{2}.spec();
    const io::Path file = std::filesystem::temp_directory_path() / ("paser_fuzz_seed_" + std::to_string(::getpid()));
    pipeline::save_paser(file, pipeline::make_paser(d, Key{1}), d);
    auto loaded = io::Checkpoint::load(file);
    std::filesystem::remove(file);
    return loaded;
  }();
  return checkpoint;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  static const io::Path file = std::filesystem::temp_directory_path() / ("paser_fuzz_" + std::to_string(::getpid()));
  try {
    io::Checkpoint checkpoint = whole();
    checkpoint.info = io::parse_json(std::string_view(reinterpret_cast<const char*>(bytes), size), "fuzzed");
    checkpoint.save(file);
    pipeline::load_paser(file);
  } catch (const Error&) {
  }
  std::filesystem::remove(file);
  return 0;
}
