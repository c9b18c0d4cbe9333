#include <catch2/catch.hpp>
#include <chrono>
#include <thread>

#include "examples/segment_image_bench.hpp"
#include "support/tiny_images.hpp"

using namespace segment_image_bench;
using Catch::Matchers::Contains;

TEST_CASE("segment_image: a folder and a file become the pictures and shares that the library computes") {
  const Bench bench(1);
  const auto large = bench.store("larger.png", 40, 71), small = bench.store("less.png", 9, 13),
             exact = bench.store("just.png", 16, 24), colour = bench.store("colours.png", 20, 30, 3);
  fs::create_directories(bench.folder / "elsewhere");
  fs::rename(bench.images() / "just.png", bench.folder / "elsewhere" / "just.png");
  const auto ended = bench.segment({(bench.folder / "elsewhere" / "just.png").string(), "--seed", "5", "--json"});
  INFO(ended.err);
  REQUIRE(ended.status == 0);
  CHECK(names_in(bench.out()) == pictures_of({"larger", "less", "just", "colours"}));

  const auto j = nlohmann::json::parse(ended.out);
  CHECK(j["classes"] == nlohmann::json{"pore", "carbon", "particle"});
  CHECK(j["failed"] == 0);
  CHECK(j["estimator"] == nlohmann::json{{"type", "mc_dropout"}, {"spec", {{"samples", 2}}}});
  CHECK(j["window"]["width"] == 24);
  REQUIRE(j["images"].size() == 4);  // the folder's in the order of their names, and the file
  const auto gray = [](const tiny::Bytes& picture) { return io::IntegerImage{picture.cast<std::uint16_t>(), 255}; };
  const auto rec601 = io::to_gray(gray(colour));
  CHECK(rec601.channels() == 1);
  const auto of_large = bench.answer(tiny::input(large), 5);
  REQUIRE(of_large.summary.windows > 1);
  REQUIRE(kinds_in(of_large.maps.labels) == 3);
  REQUIRE(kinds_in(of_large.maps.routes) > 1);
  check_pictures(j["images"][0], bench.out(), "colours", rec601, bench.answer(io::to_unit(rec601), 5));
  check_pictures(j["images"][1], bench.out(), "larger", gray(large), of_large);
  check_pictures(j["images"][2], bench.out(), "less", gray(small), bench.answer(tiny::input(small), 5));
  check_pictures(j["images"][3], bench.out(), "just", gray(exact), bench.answer(tiny::input(exact), 5));

  // An image of the trained size needs no windows.
  const auto whole = pipeline::segment(bench.paser, tiny::input(exact), {0}, Key{5});
  CHECK(same_bits(tiny::stored_labels(bench.out() / "just_mask.png"), whole.labels));
}

TEST_CASE("segment_image: a PaSeR of colour images sees the colours, and gray as equal colours") {
  const Bench bench(3);
  const auto colour = bench.store("colours.png", 33, 31, 3), gray = bench.store("gray.png", 18, 26);
  const auto ended = bench.segment({"--json"});
  INFO(ended.err);
  REQUIRE(ended.status == 0);
  const auto j = nlohmann::json::parse(ended.out);
  REQUIRE(j["images"].size() == 2);
  const io::IntegerImage integers{colour.cast<std::uint16_t>(), 255}, shades{gray.cast<std::uint16_t>(), 255};
  REQUIRE(kinds_in(bench.answer(tiny::input(colour), 1).maps.labels) > 1);
  check_pictures(j["images"][0], bench.out(), "colours", integers, bench.answer(tiny::input(colour), 1));
  check_pictures(j["images"][1], bench.out(), "gray", shades, bench.answer(io::to_unit(io::to_rgb(shades)), 1));
}

TEST_CASE("segment_image: as PNG the pages of a TIFF stack are images of their own") {
  const Bench bench(1);
  const auto first = tiny::picture(37, 50, 1, 1), second = tiny::picture(7, 9, 1, 2);
  const auto page = [](const tiny::Bytes& p) {
    return tiny::TiffPage{p.shape()[1], p.shape()[0], 8, 1, 1, 1, std::string(p.data(), p.data() + p.numel())};
  };
  tiny::write(bench.images() / "stack.tif", tiny::tiff({page(first), page(second)}, true));
  const auto ended = bench.segment({"--json", "--seed", "3", "--format", "png"});
  INFO(ended.err);
  const auto j = nlohmann::json::parse(ended.out);
#ifdef PASER_WITH_TIFF
  REQUIRE(ended.status == 0);
  CHECK(names_in(bench.out()) == pictures_of({"stack_0001", "stack_0002"}));
  REQUIRE(j["images"].size() == 2);
  CHECK(j["images"][0]["page"] == 1);
  CHECK(j["images"][1]["page"] == 2);
  const auto integers = [](const tiny::Bytes& p) { return io::IntegerImage{p.cast<std::uint16_t>(), 255}; };
  check_pictures(j["images"][0], bench.out(), "stack_0001", integers(first), bench.answer(tiny::input(first), 3));
  check_pictures(j["images"][1], bench.out(), "stack_0002", integers(second), bench.answer(tiny::input(second), 3));
#else
  CHECK(ended.status == 1);
  CHECK_THAT(ended.err, Contains("stack.tif") && Contains("libtiff"));
  CHECK(j["failed"] == 1);
#endif
}

TEST_CASE("segment_image: options choose the pictures, the network, the windows and the noise") {
  const Bench bench(1);
  const auto image = tiny::input(bench.store("image.png", 40, 71));
  const auto ended = bench.segment({"--write", "mask"});
  REQUIRE(ended.status == 0);
  CHECK(names_in(bench.out()) == std::set<std::string>{"image_mask.png"});
  CHECK_THAT(ended.out, Contains("image.png: 40 x 71; pore ") && Contains(" %; patches f1 ") && Contains(" GMAC, "));

  // Everything below differs from the answer without options, or the checks would say nothing.
  const auto mask = bench.out() / "image_mask.png";
  const auto plain = bench.answer(image, 1);
  REQUIRE(same_bits(tiny::stored_labels(mask), plain.maps.labels));
  pipeline::TiledOptions options;
  const auto by_f2 = bench.answer(image, 1, {}, pipeline::Constant{1});
  REQUIRE_FALSE(same_bits(by_f2.maps.labels, plain.maps.labels));
  const auto only = bench.segment({"--write", "mask,routes", "--only", "f2", "--json"});
  REQUIRE(only.status == 0);
  CHECK(names_in(bench.out()) == pictures_of({"image"}, {"mask", "routes"}));
  CHECK(same_bits(tiny::stored_labels(mask), by_f2.maps.labels));
  CHECK(kinds_in(tiny::stored_labels(bench.out() / "image_routes.png")) == 1);
  CHECK(nlohmann::json::parse(only.out)["images"][0]["model_shares"] == nlohmann::json{0.0, 1.0, 0.0});

  double mean = 0;
  for (const float entropy : plain.maps.entropy.values())
    mean += static_cast<double>(entropy) / static_cast<double>(plain.maps.entropy.numel());
  const auto cascaded = bench.answer(image, 1, {}, pipeline::EntropyThreshold{{mean, mean}});
  REQUIRE_FALSE(same_bits(cascaded.maps.labels, plain.maps.labels));
  REQUIRE(kinds_in(cascaded.maps.routes) > 1);
  const std::string threshold = exact_number(mean);
  const auto cascade = bench.segment({"--write", "mask,routes", "--thresholds", threshold + "," + threshold, "--json"});
  REQUIRE(cascade.status == 0);
  CHECK(same_bits(tiny::stored_labels(mask), cascaded.maps.labels));
  CHECK(same_bits(tiny::stored_labels(bench.out() / "image_routes.png"), cascaded.maps.routes));
  auto costs = pipeline::mac_costs(bench.paser, tiny::description(1));
  costs.decide = 0;
  CHECK(nlohmann::json::parse(cascade.out)["images"][0]["gmac"].get<double>() ==
        Approx(1e-9 * costs.of(cascaded.summary.work)));

  options.overlap = 0.5;
  const auto overlapping = bench.answer(image, 1, options);
  REQUIRE_FALSE(same_bits(overlapping.maps.labels, plain.maps.labels));
  REQUIRE(bench.segment({"--write", "mask", "--tile-overlap", "0.5"}).status == 0);
  CHECK(same_bits(tiny::stored_labels(mask), overlapping.maps.labels));

  pipeline::Paser<float> patient = bench.paser;
  patient.estimator = uncertainty::McDropout{7};
  options = {};
  options.height = 16;
  options.width = 24;
  const auto noisier = pipeline::segment_tiled(patient, image, Key{1}, options);
  REQUIRE_FALSE(same_bits(noisier.maps.labels, plain.maps.labels));
  REQUIRE(bench.segment({"--write", "mask", "--samples", "7"}).status == 0);
  CHECK(same_bits(tiny::stored_labels(mask), noisier.maps.labels));

  auto scaled = image;
  for (float *v = scaled.mutable_data(), *end = v + scaled.numel(); v < end; ++v) *v = std::min(*v * 255 / 100, 1.0f);
  REQUIRE_FALSE(same_bits(bench.answer(scaled, 1).maps.labels, plain.maps.labels));
  REQUIRE(bench.segment({"--write", "mask", "--range", "0,100"}).status == 0);
  CHECK(same_bits(tiny::stored_labels(mask), bench.answer(scaled, 1).maps.labels));
}

TEST_CASE("segment_image: what fails is named, the other images are done, and nothing is left half-written") {
  const Bench bench(1);
  const auto good = tiny::input(bench.store("a.png", 20, 30));
  const auto last = tiny::input(bench.store("last.png", 16, 24));
  bench.store("cut.png", 30, 30);
  fs::resize_file(bench.images() / "cut.png", fs::file_size(bench.images() / "cut.png") / 2);
  tiny::write(bench.images() / "words.jpg", "no picture");
  const fs::path missing = bench.folder / "missing.png";
  fs::create_directories(bench.folder / "more");
  io::write_png(bench.folder / "more" / "a.png", tiny::picture(16, 24, 1, 4));
  tiny::write(bench.folder / "list", missing.string());
  const auto ended =
      bench.segment({"@" + (bench.folder / "list").string(), (bench.folder / "more").string(), "--json"});
  CHECK(ended.status == 1);
  for (const char* sentence : {"cut.png", "words.jpg", "missing.png", "the name a already", "4 images failed"})
    CHECK_THAT(ended.err, Contains(sentence));
  CHECK(names_in(bench.out()) == pictures_of({"a", "last"}));
  CHECK(same_bits(tiny::stored_labels(bench.out() / "a_mask.png"), bench.answer(good, 1).maps.labels));
  CHECK(same_bits(tiny::stored_labels(bench.out() / "last_mask.png"), bench.answer(last, 1).maps.labels));
  const auto j = nlohmann::json::parse(ended.out);
  CHECK(j["failed"] == 4);
  REQUIRE(j["images"].size() == 6);
  CHECK_FALSE(j["images"][0].contains("error"));
  CHECK_THAT(j["images"][1]["image"].get<std::string>(), Contains("cut.png"));
  for (const std::size_t i : {1u, 3u, 4u, 5u}) CHECK_FALSE(j["images"][i]["error"].get<std::string>().empty());

  // A picture that cannot be written: a folder has its name.
  fs::remove_all(bench.out());
  fs::create_directories(bench.out() / "a_mask.png" / "full");
  const auto blocked = bench.segment({"--write", "mask", "--json"});
  CHECK(blocked.status == 1);
  CHECK_THAT(blocked.err, Contains("a_mask.png"));
  CHECK(names_in(bench.out()) == std::set<std::string>{"a_mask.png", "last_mask.png"});
}

TEST_CASE("segment_image: interrupted, it ends with 130, and what was done before is whole") {
  const Bench bench(1);
  const auto first = tiny::input(bench.store("a.png", 20, 30));
  io::write_png(bench.images() / "endless.png", tiny::Bytes::full({600, 600, 1}, 90));  // in 169,000 windows
  const fs::path out = bench.folder / "stdout.txt", err = bench.folder / "stderr.txt",
                 mask = bench.out() / "a_mask.png";
  ChildProcess program({PASER_SEGMENT_IMAGE, bench.model().string(), bench.images().string(), "--out",
                        bench.out().string(), "--tile-overlap", "0.9", "--write", "mask", "--json", "--threads", "1"},
                       out, err);
  while (!fs::exists(mask) && !program.ended()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  program.send(SIGINT);
  CHECK(program.wait() == 130);
  CHECK_THAT(content_of(err), Contains("interrupted; the images before are done"));
  CHECK(names_in(bench.out()) == std::set<std::string>{"a_mask.png"});
  pipeline::TiledOptions options;
  options.overlap = 0.9;
  CHECK(same_bits(tiny::stored_labels(mask), bench.answer(first, 1, options).maps.labels));
  const auto j = nlohmann::json::parse(content_of(out));
  CHECK(j["interrupted"] == true);
  CHECK(j["failed"] == 0);
  CHECK(j["images"].size() == 1);
}

TEST_CASE("segment_image: options that make no sense, and models that are none, end with 2 and a sentence") {
  const Bench bench(1);
  bench.store("a.png", 16, 24);
  const auto refused = [&](const std::vector<std::string>& words, const std::string& sentence) {
    const auto ended = bench.run(words);
    INFO(sentence);
    CHECK(ended.status == 2);
    CHECK(ended.out.empty());
    CHECK_THAT(ended.err, Contains(sentence));
  };
  const std::string model = bench.model().string(), images = bench.images().string(), out = bench.out().string();
  const auto with = [&](std::vector<std::string> options) {
    options.insert(options.begin(), {model, images, "--out", out});
    return options;
  };
  refused({}, "model is required");
  refused({model}, "inputs is required");
  refused(with({"--seedling", "1"}), "--seedling");
  refused(with({"--only", "f4"}), "f4");
  refused(with({"--thresholds", "0.5"}), "expected one less than the 3 models");
  refused(with({"--thresholds", "0.5,0.5", "--only", "f2"}), "--only and --thresholds");
  refused(with({"--thresholds=-1,0.5"}), "one is -1, expected nats, 0 or more");
  refused(with({"--write", "masks"}), "masks");
  refused(with({"--tile-overlap", "1"}), "--tile-overlap");
  refused(with({"--range", "5,5"}), "--range must rise");
  refused(with({"--samples", "0"}), "--samples");
  refused(with({"--variant", "paser"}), "names a checkpoint of a run folder");
  refused({model, images, "--out", images}, "choose another for the output");
  refused({(bench.folder / "no.safetensors").string(), images, "--out", out}, "no.safetensors");
  refused({(bench.images() / "a.png").string(), images, "--out", out}, "a.png");
  refused({images, images, "--out", out}, "holds no trained PaSeR");
  fs::create_directories(bench.folder / "nothing");
  refused({model, (bench.folder / "nothing").string(), "--out", out}, "has no pictures");
  CHECK(names_in(bench.images()) == std::set<std::string>{"a.png"});
  CHECK(names_in(bench.out()).empty());
}
