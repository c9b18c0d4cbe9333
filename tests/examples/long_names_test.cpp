#include <catch2/catch.hpp>

#include "examples/bench.hpp"

/// Names that no file can have, and settings of networks that are longer than a file's name.
namespace long_names_test {

using namespace bench;

TEST_CASE("a name that is too long is a wrong option, and a sentence says which it is") {
  const Bench b;
  const std::string name(300, 'n'), model = b.path("model.safetensors"), set = b.path("set");
  for (const Words& words : {Words{"info", name},
                             {"bench", name},
                             {"check", name},
                             {"compare", name},
                             {"segment", name, b.path("new")},
                             {"segment", model, name},
                             {"segment", model, b.path("new"), "--out", name},
                             {"segment-many", model, "--manifest", name, "--out", b.path("out")},
                             {"segment-many", model, "--manifest", b.path("list"), "--out", name},
                             {"evaluate", name, "--data", set},
                             {"evaluate", model, "--data", name},
                             {"evaluate", model, "--data", set, "--out", name},
                             {"evaluate", model, "--data", set, "--csv", name},
                             {"evaluate", model, "--data", set, "--csv", name + "/table.csv"},
                             {"convert", name, b.path("out.safetensors"), "--network", "unet"},
                             {"synthesize", "--out", name, "--count", "1", "0", "0"},
                             {"train", "--data", name},
                             {"train", "--data", set, "--out", name}})
    b.refuses(words, name);
  for (const Words& words : {Words{"info", name}, {"check", name}, {"synthesize", "--out", name}})
    CHECK_THAT(b.run(words).err,
               Contains("'" + name) && Contains("': File name too long") && !Contains("filesystem error"));
}

TEST_CASE("bench times a network whose settings are longer than a file's name") {
  const Bench b;
  const std::string network = R"(unet:{"in":1,"classes":2,"width":2,"depth":1,"dropout":0,"upsampling":"bilinear")" +
                              std::string(300, ' ') + "}";
  const auto timed = b.run({"bench", network, "--size", "16", "16", "--rounds", "1", "--threads", "1"});
  INFO(timed.err);
  CHECK(timed.status == 0);
  CHECK_THAT(timed.out, Contains("unet, "));
}

TEST_CASE("a manifest of outputs that is a link is refused with its name") {
  const Bench b;
  fs::create_directories(b.path("mine"));
  std::ofstream(b.path("notes")) << "mine";
  fs::create_symlink(b.path("notes"), b.path("mine/.paser_outputs"));
  const auto ended = b.run({"segment", b.path("model.safetensors"), b.path("new"), "--out", b.path("mine")});
  CHECK(ended.status == 1);
  CHECK_THAT(ended.err, Contains("mine/.paser_outputs' is a link, expected a file or nothing"));
  CHECK(content_of(b.path("notes")) == "mine");
}

TEST_CASE("a program advises only what its options can do") {
  const Bench b;
  fs::create_directories(b.path("many"));
  std::ofstream(b.path("many/chunk_0000000.tar")) << "mine";
  const auto many =
      b.run({"segment-many", b.path("model.safetensors"), "--manifest", b.path("list"), "--out", b.path("many")});
  CHECK(many.status == 2);
  CHECK_THAT(many.err, Contains("chunk_0000000.tar' is there, and paser segment-many did not write it; remove it, or "
                                "choose another --out") &&
                           !Contains("--overwrite"));
}

}  // namespace long_names_test
