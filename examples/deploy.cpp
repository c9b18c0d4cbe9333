/// A trained model in a program of one's own: loads it, segments an image of any size, and writes the classes of its
/// pixels as a gray PNG. docs/deploy.md has the same for pixels that come from a camera or from OpenCV.
///
///   deploy MODEL.safetensors IMAGE MASK.png

#include <filesystem>
#include <iostream>

#include "paser/data/stored_sample.hpp"
#include "paser/io/image_file.hpp"
#include "paser/models/registered/unet.hpp"
#include "paser/pipeline/paser_file.hpp"
#include "paser/pipeline/tiled.hpp"

int main(int argc, char** argv) try {
  using namespace paser;
  check<ValueError>(argc == 4, "deploy", "expected MODEL IMAGE MASK");
  const bool there = exists(std::filesystem::symlink_status(argv[3]));  // a link that leads to nothing, too
  check<ValueError>(!there, "deploy", argv[3], " is there already and is not replaced");
  auto [model, about] = pipeline::load_paser(argv[1]);
  FilterCache<float> filters;  // prepared weights, kept from image to image
  model.filters = &filters;
  const io::DecodedImage page = io::ImageFile(argv[2]).page(0);
  const auto image = data::image_of(page, about.channels, about.value_range, argv[2]);
  const auto found = pipeline::segment_tiled(model, image, Key{1}, {.height = about.height, .width = about.width});
  io::write_png(argv[3], found.maps.labels, io::Existing::keep);
} catch (const paser::NotFiniteError& error) {  // a weight, or an answer
  std::cerr << "error: " << paser::visible(error.what(), "\n") << '\n';
  return 3;
} catch (const std::exception& error) {  // a sentence with the file and what is wrong with it
  std::cerr << "error: " << paser::visible(error.what(), "\n") << '\n';
  return 1;
}
