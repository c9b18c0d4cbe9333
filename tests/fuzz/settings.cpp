/// Any text as JSON of settings: settings, or an error of paser's.
#include "paser/io/config.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  using namespace paser;
  const std::string text(reinterpret_cast<const char*>(bytes), size);
  try {
    auto settings = io::ConfigReader::from_text(io::plain_text(text, "fuzzed"), "fuzzed");
    Index epochs = 0;
    std::uint8_t classes = 0;
    double rate = 0;
    bool flips = false;
    std::string name;
    std::vector<double> weights;
    std::array<Index, 2> pair{};
    settings.read("epochs", epochs);
    settings.read("classes", classes);
    settings.read("rate", rate);
    settings.read("flips", flips);
    settings.read("name", name);
    settings.read("weights", weights);
    settings.read("pair", pair);
    auto loss = settings.section("loss");
    loss.require("alpha", rate);
    loss.finish();
    settings.finish();
  } catch (const Error&) {
  }
  io::json_text(io::json_or_word(text), 1);
  return 0;
}
