#include <catch2/catch.hpp>
#include <chrono>
#include <fstream>
#include <thread>

#include "examples/segment_image_bench.hpp"
#include "segment_many/manifest.hpp"
#include "segment_many/tar.hpp"
#include "support/temporary_folder.hpp"

namespace segment_many_test {

using namespace paser;
namespace fs = std::filesystem;
using Catch::Contains;

/// A PaSeR and a list of small images, with one line that names no file and one whose file is none.
struct List : segment_image_bench::Bench {
  explicit List(int count) : Bench(1), lines(count) {
    std::ofstream list(manifest());
    for (int i = 0; i < count; ++i) {
      const std::string name = message("im", i, ".png");
      if (i == 5) {
        std::ofstream(images() / name) << "no picture";
      } else if (i != 7) {
        io::write_png(images() / name, tiny::picture(16, 24, 1, static_cast<std::uint64_t>(i)));
      }
      list << (images() / name).string() << (i % 3 == 0 ? "\r\n" : "\n");
    }
  }

  fs::path manifest() const { return folder / "list.txt"; }

  std::vector<std::string> words(const std::string& out, std::vector<std::string> more = {}) const {
    std::vector<std::string> all{PASER_SEGMENT_MANY,
                                 model().string(),
                                 "--manifest",
                                 manifest().string(),
                                 "--out",
                                 (folder / out).string(),
                                 "--chunk",
                                 chunk,
                                 "--threads",
                                 "1",
                                 "--quiet",
                                 "--json"};
    all.insert(all.end(), more.begin(), more.end());
    return all;
  }
  Outcome many(const std::string& out, std::vector<std::string> more = {}) const {
    return run_program(folder.path(), words(out, std::move(more)));
  }
  ChildProcess start(const std::string& out, const std::string& name, std::vector<std::string> more = {}) const {
    return {words(out, std::move(more)), folder / (name + ".out"), folder / (name + ".err")};
  }

  /// All lines of the chunks' lists, chunk after chunk.
  std::vector<nlohmann::json> records(const std::string& out) const {
    std::vector<nlohmann::json> found;
    for (const std::string& name : names_in(folder / out)) {
      if (!name.ends_with(".jsonl")) continue;
      std::ifstream file(folder / out / name);
      for (std::string line; std::getline(file, line);) found.push_back(nlohmann::json::parse(line));
    }
    return found;
  }
  /// Every line is answered once, in its place.
  void require_every_line_once(const std::string& out) const {
    const auto found = records(out);
    REQUIRE(found.size() == static_cast<std::size_t>(lines));
    for (std::size_t i = 0; i < found.size(); ++i) {
      CHECK(found[i].at("line") == i + 1);
      CHECK(found[i].at("image") == (images() / message("im", i, ".png")).string());
      CHECK(found[i].at("status") == (i == 5 ? "damaged" : i == 7 ? "not read" : "done"));
    }
  }
  /// The contents of all files that hold results.
  std::map<std::string, std::string> files(const std::string& out) const {
    std::map<std::string, std::string> contents;
    for (const std::string& name : names_in(folder / out))
      if (name.starts_with("chunk_")) contents[name] = content_of(folder / out / name);
    return contents;
  }

  int lines;
  std::string chunk = "10";
};

/// What is of the list, whoever did it.
nlohmann::json totals_of(const std::string& out) {
  auto totals = nlohmann::json::parse(out);
  totals.erase("chunks_made");
  return totals;
}

TEST_CASE("segment_many answers every line as segment_image does, and says what failed") {
  const List list(23);
  const Outcome outcome = list.many("out");
  INFO(outcome.err);
  REQUIRE(outcome.status == 1);
  const auto totals = totals_of(outcome.out);
  CHECK(totals.at("lines") == 23);
  CHECK(totals.at("done") == 21);
  CHECK(totals.at("failures") == nlohmann::json{{"damaged", 1}, {"not read", 1}});
  list.require_every_line_once("out");
  const auto records = list.records("out");
  CHECK_THAT(records[7].at("error").get<std::string>(), Contains("im7.png") && Contains("does not exist"));
  CHECK(list.files("out").size() == 9);
  CHECK(!fs::exists(list.folder / "out" / ".claims"));

  fs::remove(list.images() / "im5.png");
  REQUIRE(list.segment({"--write", "mask"}).status == 0);
  Index masks = 0;
  for (const char* chunk : {"0000000", "0000001", "0000002"}) {
    const std::string tar = content_of(list.folder / "out" / ("chunk_" + std::string(chunk) + ".tar"));
    for (const auto& [name, png] : segment_many::read_tar(tar, "tar")) {
      const Index line = std::stoll(name);
      CHECK(png == content_of(list.out() / message("im", line - 1, "_mask.png")));
      ++masks;
    }
  }
  CHECK(masks == 21);
}

TEST_CASE("a tar file of segment_many is one for tar") {
  const List list(12);
  REQUIRE(list.many("out").status == 1);
  const auto names =
      run_program(list.folder.path(), {"/bin/tar", "tf", (list.folder / "out/chunk_0000001.tar").string()});
  if (names.status != 127) CHECK(names.out == "0000000011.png\n0000000012.png\n");
}

TEST_CASE("one and two processes give the same files, and so does one that is killed at any time and begun again") {
  const List list(120);
  const Outcome alone = list.many("alone");
  REQUIRE(alone.status == 1);
  const auto expected = list.files("alone");
  {
    auto first = list.start("two", "first"), second = list.start("two", "second");
    CHECK(first.wait() == 1);
    const int ended = second.wait();
    INFO(content_of(list.folder / "first.err") << content_of(list.folder / "second.err"));
    CHECK(ended == 1);
    CHECK(list.files("two") == expected);
    CHECK(nlohmann::json::parse(alone.out).at("chunks_made") == 12);
    Index made = 0;
    for (const char* name : {"first.out", "second.out"}) {
      const std::string totals = content_of(list.folder / name);
      made += nlohmann::json::parse(totals).at("chunks_made").get<Index>();
      CHECK(totals_of(totals) == totals_of(alone.out));
    }
    CHECK(made == 12);
  }
  int kills = 0;
  for (int attempt = 0; attempt < 40; ++attempt) {
    auto one = list.start("killed", "killed"), other = list.start("killed", "other");
    std::this_thread::sleep_for(std::chrono::milliseconds(20 + 13 * (attempt % 7) * attempt % 97));
    one.send(SIGKILL);
    other.send(attempt % 2 == 0 ? SIGKILL : SIGTERM);
    kills += one.wait() == -SIGKILL;
    other.wait();
    if (list.files("killed").size() > 18) break;
  }
  CHECK(kills > 0);
  const Outcome resumed = list.many("killed");
  INFO(resumed.err);
  REQUIRE(resumed.status == 1);
  CHECK(totals_of(resumed.out) == totals_of(alone.out));
  CHECK(list.files("killed") == expected);
  list.require_every_line_once("killed");
  CHECK(totals_of(list.many("killed", {"--verify"}).out) == totals_of(alone.out));
}

TEST_CASE("--verify notices any byte that was changed, and a chunk that is not there") {
  const List list(20);
  REQUIRE(list.many("out").status == 1);
  CHECK(list.many("out", {"--verify"}).status == 1);  // two lines failed
  for (const char* ending : {".tar", ".jsonl", ".json"}) {
    const fs::path file = list.folder / "out" / (std::string("chunk_0000001") + ending);
    const std::string content = content_of(file);
    for (const std::size_t at : {std::size_t{0}, content.size() / 3, content.size() - 1}) {
      std::string changed = content;
      changed[at] = static_cast<char>(changed[at] ^ 1);
      std::ofstream(file, std::ios::binary) << changed;
      const Outcome found = list.many("out", {"--verify"});
      CHECK(found.status == 1);
      CHECK_THAT(found.err, Contains(file.filename().string()) && Contains("1 of 2 chunks"));
      CHECK(found.out.empty());
    }
    std::ofstream(file, std::ios::binary) << content;
  }
  fs::remove(list.folder / "out/chunk_0000000.json");
  CHECK_THAT(list.many("out", {"--verify"}).err, Contains("chunk_0000000.json") && Contains("1 of 2 chunks"));
}

TEST_CASE("a claim of a dead process is taken over at once on its node, and of another node when it is stale") {
  const List list(20);
  const fs::path claims = list.folder / "out" / ".claims";
  fs::create_directories(claims);
  std::vector<char> node(256, '\0');
  ::gethostname(node.data(), node.size() - 1);
  std::ofstream(claims / "claim_0000000") << node.data() << " 1\n";
  CHECK(list.many("out").status == 1);
  list.require_every_line_once("out");

  const fs::path other = list.folder / "other" / ".claims";
  fs::create_directories(other);
  std::ofstream(other / "claim_0000001") << "elsewhere 1\n";
  const auto start = std::chrono::steady_clock::now();
  CHECK(list.many("other", {"--stale", "2"}).status == 1);
  CHECK(std::chrono::steady_clock::now() - start > std::chrono::seconds(1));
  list.require_every_line_once("other");
  CHECK(list.files("other") == list.files("out"));

  // Not stale: nobody takes it over, and who waits can be stopped.
  fs::create_directories(list.folder / "third" / ".claims");
  std::ofstream(list.folder / "third" / ".claims" / "claim_0000001") << "elsewhere 1\n";
  auto third = list.start("third", "third");
  for (int i = 0; i < 20'000 && !fs::exists(list.folder / "third/chunk_0000000.json"); ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  std::this_thread::sleep_for(std::chrono::milliseconds(300));
  CHECK(!third.ended());
  CHECK(!fs::exists(list.folder / "third/chunk_0000001.json"));
  third.send(SIGTERM);
  CHECK(third.wait() == 130);
}

TEST_CASE("segment_many removes no file of others from the folder of its claims, and follows no link there") {
  const List list(20);
  const fs::path claims = list.folder / "out" / ".claims", letters = list.folder / "letters";
  for (const fs::path& folder : {claims, letters}) {
    fs::create_directories(folder);
    for (const char* name : {"claim_for_damages.txt", "clock", "aside_notes"})
      std::ofstream(folder / name) << "dear sirs";
    std::ofstream(folder / "claim_0000007") << "of April\n";
  }
  const auto kept = [](const fs::path& folder) {
    for (const char* name : {"claim_for_damages.txt", "clock", "aside_notes"})
      CHECK(content_of(folder / name) == "dear sirs");
    CHECK(content_of(folder / "claim_0000007") == "of April\n");
  };
  CHECK(list.many("out").status == 1);  // images of the list fail
  list.require_every_line_once("out");
  kept(claims);

  fs::create_directories(list.folder / "linked");
  fs::create_symlink("../letters", list.folder / "linked" / ".claims");
  const Outcome linked = list.many("linked");
  CHECK(linked.status == 1);
  CHECK_THAT(linked.err, Contains(".claims") && Contains("link"));
  CHECK(fs::is_symlink(list.folder / "linked" / ".claims"));
  kept(letters);

  // What stands where a claim would is not taken over.
  fs::create_directories(list.folder / "taken" / ".claims");
  std::ofstream(list.folder / "taken" / ".claims" / "claim_0000000") << "mine";
  const Outcome taken = list.many("taken");
  CHECK(taken.status == 1);
  CHECK_THAT(taken.err, Contains("claim_0000000 is no claim of segment-many"));
  CHECK(content_of(list.folder / "taken" / ".claims" / "claim_0000000") == "mine");
}

TEST_CASE("segment_many replaces nothing of others, and no other job") {
  const List list(20);
  fs::create_directories(list.folder / "out");
  std::ofstream(list.folder / "out" / "chunk_0000001.tar") << "mine";
  const Outcome refused = list.many("out");
  CHECK(refused.status == 2);
  CHECK_THAT(refused.err, Contains("chunk_0000001.tar") && Contains("paser segment-many did not write it"));
  CHECK(content_of(list.folder / "out" / "chunk_0000001.tar") == "mine");

  REQUIRE(list.many("job").status == 1);
  const Outcome other = list.many("job", {"--seed", "2"});
  CHECK(other.status == 2);
  CHECK_THAT(other.err, Contains("holds another job, with seed = 1, asked for is 2"));
  fs::rename(list.folder / "job" / "job.json", list.folder / "kept.json");
  for (const std::vector<std::string>& more : {std::vector<std::string>{}, {"--seed", "2"}, {"--dry-run"}}) {
    const Outcome unknown = list.many("job", more);
    CHECK(unknown.status == 2);
    CHECK_THAT(unknown.err, Contains("job.json") && Contains("is gone"));
  }
  fs::rename(list.folder / "kept.json", list.folder / "job" / "job.json");
  CHECK(list.many("job").status == 1);
  std::ofstream(list.manifest(), std::ios::app) << "one more\n";
  CHECK_THAT(list.many("job").err, Contains("holds another job, with lines = 20, asked for is 21"));
}

TEST_CASE("the list of segment-many is read as other texts are") {
  List list(4);
  std::string text = "\xEF\xBB\xBF", plain;
  for (const auto& [image, behind] : {std::pair{0, "\r"}, {1, "  \r\n\r\n"}, {2, "\t\n \n"}, {3, ""}}) {
    const std::string name = (list.images() / message("im", image, ".png")).string();
    text += name + behind;
    plain += name + "\n";
  }
  const auto write = [&](const std::string& content) { std::ofstream(list.manifest(), std::ios::binary) << content; };
  for (const char* chunk : {"1", "2", "10"}) {
    list.chunk = chunk;
    write(text);
    const std::string out = "typed" + list.chunk;
    const Outcome typed = list.many(out);
    INFO(typed.err);
    REQUIRE(typed.status == 0);
    const auto records = list.records(out);
    REQUIRE(records.size() == 4);
    Index previous = 0;
    for (std::size_t i = 0; i < 4; ++i) {
      CHECK(records[i].at("image") == (list.images() / message("im", i, ".png")).string());
      CHECK(records[i].at("line") > previous);
      previous = records[i].at("line");
    }
    CHECK(previous == 6);
    CHECK(nlohmann::json::parse(typed.out).at("lines") == 4);
    CHECK(list.many(out, {"--verify"}).status == 0);
    write(plain);
    CHECK(list.many("plain" + list.chunk).status == 0);
  }
  for (const auto& [content, reason] : {std::pair{std::string("\xFF\xFE"
                                                              "i\0m\0",
                                                              6),
                                                  "UTF-16"},
                                        {std::string("im0.png\nim\0.png", 15), "byte 10 is NUL"},
                                        {std::string(" \r\n\n"), "names no image"},
                                        {std::string("\xEF\xBB\xBF"), "names no image"},
                                        {content_of(list.images() / "im0.png"), "is NUL"}}) {
    write(content);
    const Outcome refused = list.many("refused");
    CHECK(refused.status == 2);
    CHECK_THAT(refused.err, Contains("list.txt") && Contains(reason));
    CHECK(!fs::exists(list.folder / "refused"));
  }
}

TEST_CASE("what a line of segment-many's list means does not depend on where a chunk begins") {
  const TemporaryFolder folder;
  const std::vector<std::string> names{"im0.png", "\xEF\xBB\xBFim1.png", "\xFF\xFE.png", "\xFE\xFF.png", "im4.png"};
  std::string text = "\xEF\xBB\xBF";
  for (const std::string& name : names) text += name + "\r\n";
  io::write_file(folder / "list.txt", text);
  for (const Index lines : {1, 2, 3, 10}) {
    INFO(lines);
    const ::segment_many::Manifest list(folder / "list.txt", lines);
    REQUIRE(list.lines() == 5);
    std::vector<std::string> found;
    for (Index chunk = 0; chunk < list.chunks(); ++chunk)
      for (const std::string& line : list.read(chunk)) found.push_back(line);
    CHECK(found == names);
  }
}

TEST_CASE("a process of segment-many that finds nothing left says so") {
  const List list(20);
  REQUIRE(list.many("out").status == 1);
  const std::string sentence = "2 chunks are others' or were done already; this process made none\n";
  auto words = list.words("out");
  std::erase(words, "--quiet");
  const auto again = run_program(list.folder.path(), words), quiet = list.many("out");
  CHECK(again.status == 1);  // as the list has it: two lines failed
  CHECK_THAT(again.err, Contains(sentence) && Contains("stands in its line of the .jsonl files of "));
  CHECK(nlohmann::json::parse(again.out).at("chunks_made") == 0);
  CHECK(quiet.err.empty());
  std::filesystem::remove_all(list.folder / "out");
  CHECK_THAT(run_program(list.folder.path(), words).err, !Contains("this process made none"));
}

}  // namespace segment_many_test
