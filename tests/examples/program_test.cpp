#include "program.hpp"

#include <array>
#include <catch2/catch.hpp>
#include <cmath>
#include <sstream>

#include "examples/tiny_paser.hpp"
#include "paser/experiment/run_folder.hpp"
#include "support/temporary_folder.hpp"
#include "trained_model.hpp"

using Catch::Matchers::Contains;

namespace {

std::string line(std::vector<const char*> words) {
  return program::command_line(static_cast<int>(words.size()), words.data());
}

/// What a shell makes of a command line: its words, one per line.
std::string words_of(const std::string& command) {
  const std::string script = "set -- " + command.substr(command.find(' ') + 1) + "; printf '%s\\n' \"$@\"";
  FILE* const pipe = ::popen(script.c_str(), "r");
  REQUIRE(pipe != nullptr);
  std::string text;
  for (int c = std::fgetc(pipe); c != EOF; c = std::fgetc(pipe)) text += static_cast<char>(c);
  ::pclose(pipe);
  return text;
}

/// Settings of which a run that was begun without `rate` has the default.
struct WithDefaults {
  int epochs = 3;
  double rate = 1;
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(WithDefaults, epochs, rate)

/// Exit status and standard error of program::run on these words.
template <class Body>
std::pair<int, std::string> ended(std::vector<std::string> words, const Body& body) {
  CLI::App app("test");
  int number = 0;
  std::vector<std::string> files, names;
  std::vector<double> range;
  app.add_option("files", files);
  app.add_option("--number", number);
  app.add_option("--names,--called", names)->delimiter(',');
  app.add_option("--range", range)->delimiter(',')->expected(2);
  std::vector<char*> pointers;
  for (std::string& word : words) pointers.push_back(word.data());
  std::ostringstream err, out;
  auto* const before_err = std::cerr.rdbuf(err.rdbuf());
  auto* const before_out = std::cout.rdbuf(out.rdbuf());
  const int status = program::run(app, static_cast<int>(pointers.size()), pointers.data(), body);
  std::cerr.rdbuf(before_err);
  std::cout.rdbuf(before_out);
  return {status, err.str()};
}

}  // namespace

TEST_CASE("a command line is told as one types it, its words quoted where a shell needs it") {
  CHECK(line({"/usr/bin/train", "--data", "a/b-c_d.e", "--seed=3"}) == "train --data a/b-c_d.e --seed=3");
  CHECK(line({"train", "two words", ""}) == "train 'two words' ''");
  CHECK(line({"train", "widths=[2,4]", "*:2"}) == "train 'widths=[2,4]' '*:2'");
  CHECK(line({}).empty());
  const std::vector<const char*> words{"train", "it's", "a\"b",  "$HOME", "a\\b", "#x",
                                       "~",     "a;b",  "{a,b}", "`x`",   "!",    "a\tb"};
  CHECK(words_of(line(words)) == "it's\na\"b\n$HOME\na\\b\n#x\n~\na;b\n{a,b}\n`x`\n!\na\tb\n");
}

TEST_CASE("of several values of an option none is empty, however they are typed") {
  const auto status = [](std::vector<std::string> words, const std::string& told = "") {
    words.insert(words.begin(), "p");
    const auto [ended_with, text] = ended(words, [](const std::string&) { return 0; });
    INFO(text);
    if (!told.empty()) CHECK_THAT(text, Contains("error: " + told));
    return ended_with;
  };
  CHECK(status({"--names", "a,,b", "--number", "1"}, "--names: has an empty value in 'a,,b'") == 2);
  for (const char* names : {",a", "a,", "a,b,,", "a,,,b", "[a,,b]"}) {
    INFO(names);
    CHECK(status({"--names", names}, "--names: has an empty value in") == 2);
    CHECK(status({"--called=" + std::string(names)}, "--names: has an empty value in") == 2);
    CHECK(status({"--number=1", "--names", "a", "b", names}, "--names: has an empty value in") == 2);
  }
  for (const char* none : {"", ","}) CHECK(status({"--names", none}) == 2);
  CHECK(status({"--range", "0,,255"}, "--range: has an empty value in '0,,255'") == 2);
  CHECK(status({"--range", "-1", "255,"}, "--range: has an empty value in '255,'") == 2);
  CHECK(status({"--range=-1,,255"}) == 2);
  for (const std::vector<std::string>& words :
       std::vector<std::vector<std::string>>{{"--names", "a,b", "--range", "-1,255"},
                                             {"--names", "a", "b"},
                                             {"--names=a,b", "--", "x,,y"},
                                             {"x,,y", "--names", "a"}}) {
    INFO(words[0]);
    CHECK(status(words) == 0);
  }
}

TEST_CASE("every end of a program has its exit status and a message") {
  CHECK(ended({"p"}, [](const std::string&) { return 0; }) == std::pair<int, std::string>{0, ""});
  CHECK(ended({"p"}, [](const std::string&) { return 1; }).first == 1);
  CHECK(ended({"p", "--help"}, [](const std::string&) { return 1; }).first == 0);
  CHECK(ended({"p", "--numbr", "3"}, [](const std::string&) { return 0; }).first == 2);
  CHECK(ended({"p", "--number", "x"}, [](const std::string&) { return 0; }).first == 2);
  CHECK(ended({"p", "--number", "3"}, [](const std::string& command) {
          return command == "p --number 3" ? 0 : 1;
        }).first == 0);
  const auto throwing = [](const auto& error) { return ended({"p"}, [&](const std::string&) -> int { throw error; }); };
  CHECK(throwing(paser::ValueError("no such thing")) == std::pair<int, std::string>{2, "error: no such thing\n"});
  // What is read before the work begins is what the options name.
  CHECK(throwing(paser::FormatError("torn")) == std::pair<int, std::string>{2, "error: torn\n"});
  using std::filesystem::filesystem_error;
  const auto code = std::make_error_code(std::errc::no_such_file_or_directory);
  CHECK(throwing(filesystem_error("gone", {})).first == 2);
  CHECK_THAT(throwing(filesystem_error("cannot get current path", code)).second, Contains("cannot get current path"));
  CHECK_THAT(throwing(filesystem_error("x", "a.png", code)).second, Contains("'a.png': No such file"));
  CHECK_THAT(throwing(filesystem_error("x", "a.png", "b.png", code)).second,
             Contains("'a.png', 'b.png': No such file"));
  const auto later = [](const auto& error) {
    return ended({"p"}, [&](const std::string&) -> int {
      program::work_has_begun() = true;
      throw error;
    });
  };
  CHECK(later(paser::FormatError("torn")) == std::pair<int, std::string>{1, "error: torn\n"});
  CHECK(later(std::filesystem::filesystem_error("gone", {})).first == 1);
  CHECK(later(paser::ValueError("no such thing")).first == 2);
  CHECK(throwing(paser::IoError("gone")).first == 2);  // the next program begins anew
  CHECK(throwing(std::bad_alloc()) == std::pair<int, std::string>{1, "error: out of memory\n"});
  CHECK_THAT(throwing(paser::OutOfMemory(8192)).second, Contains("out of memory: 8192 bytes"));
  CHECK(throwing(paser::IoError("no \x1B[2J\nfile")).second == "error: no \\x1B[2J\nfile\n");
  const auto [status, text] = throwing(program::Interrupted());
  CHECK(status == 130);
  CHECK_THAT(text, Contains("the same command goes on with it"));
  CHECK_THAT(throwing(program::Interrupted("stopped half-way")).second, Contains("stopped half-way"));
}

TEST_CASE("a run folder belongs to one set of settings, and another folder is never emptied") {
  const TemporaryFolder folder;
  const auto run = folder / "run";
  const nlohmann::json settings{{"seed", 1}, {"epochs", 3}};
  const paser::experiment::RunNeeds needs{.program = "train"};
  const auto open = [&](const nlohmann::json& s, bool fresh = false) {
    paser::experiment::RunFolder(run, s, {fresh}, needs);
  };
  open(settings);
  open(settings);
  CHECK_THROWS_WITH(open({{"seed", 1}, {"epochs", 4}}),
                    Contains("holds a run with epochs = 3, asked for is 4; choose another --out, or --fresh"));
  {
    paser::experiment::RunFolder opened(run, settings, {}, needs);
    opened.add_cost({"f1", 2});
    opened.add_cost({"f1", 3});
    paser::io::Checkpoint().save(opened.checkpoint_to_write("f1"));
    std::ofstream(run / "notes.txt") << "mine";
  }
  CHECK(paser::experiment::RunFolder(run, settings, {}, needs).stage_costs().at(0).seconds == 5);
  CHECK(paser::experiment::run_settings<nlohmann::json>(run) == settings);
  open({{"seed", 1}, {"epochs", 4}}, true);
  CHECK_FALSE(std::filesystem::exists(run / "checkpoints" / "f1.safetensors"));
  CHECK(std::filesystem::exists(run / "notes.txt"));
  CHECK_THROWS_AS(
      paser::experiment::RunFolder(run, settings, {true}, {.program = "train", .bytes = std::size_t{1} << 60}),
      paser::IoError);

  const auto other = folder / "other";
  std::filesystem::create_directories(other / "checkpoints");
  std::ofstream(other / "checkpoints" / "mine.txt") << "mine";
  CHECK_THROWS_WITH(paser::experiment::RunFolder(other, settings, {true}, needs),
                    Contains("holds files and no run of train"));
  CHECK(std::filesystem::exists(other / "checkpoints" / "mine.txt"));
  CHECK_THROWS_AS(paser::experiment::run_settings<nlohmann::json>(folder / "nowhere"), paser::IoError);
}

TEST_CASE("damaged files of a run folder are named, and settings that no file can hold are refused at once") {
  const TemporaryFolder folder;
  const auto run = folder / "run";
  const nlohmann::json settings{{"epochs", 3}};
  const paser::experiment::RunNeeds needs{.program = "train"};
  const auto open = [&](const nlohmann::json& s) { paser::experiment::RunFolder(run, s, {}, needs); };
  open(settings);
  for (const std::string& damaged : {std::string("["), std::string("{\"a\": 1}"), std::string(), std::string("[1]"),
                                     std::string(80'000, '['), std::string("[]\0", 3)}) {
    paser::io::write_file(run / "stages.json", damaged);
    CHECK_THROWS_WITH(open(settings), Contains("stages.json"));
    CHECK_THROWS_AS(open(settings), paser::FormatError);
  }
  std::filesystem::remove(run / "stages.json");
  for (const std::string& damaged :
       {std::string("{"), std::string("[]"), std::string("{}"), std::string(80'000, '[')}) {
    paser::io::write_file(run / "config.json", damaged);
    CHECK_THROWS_WITH(open(settings), Contains("config.json"));
    CHECK_THROWS_AS(open(settings), paser::FormatError);
  }
  const auto other = folder / "other";
  CHECK_THROWS_WITH(paser::experiment::RunFolder(other,
                                                 nlohmann::json{{"data",
                                                                 "Stra\xDF"
                                                                 "e"}},
                                                 {}, needs),
                    Contains("data is 'Stra\\xDFe', which is not UTF-8"));
  CHECK_FALSE(std::filesystem::exists(other));
}

TEST_CASE("a run goes on although the program has learnt a setting, if that has its default") {
  const TemporaryFolder folder;
  const auto run = folder / "run";
  const paser::experiment::RunNeeds needs{.program = "train"};
  paser::experiment::RunFolder(run, nlohmann::json{{"epochs", 3}}, {}, needs);
  const auto open = [&](const WithDefaults& settings) { paser::experiment::RunFolder(run, settings, {}, needs); };
  open({});
  CHECK_THROWS_WITH(open({3, 0.5}), Contains("holds a run with rate = 1.0, asked for is 0.5"));
  CHECK_THROWS_WITH(open({4, 1}), Contains("holds a run with epochs = 3, asked for is 4"));
}

TEST_CASE("a preset that is another name of the same settings goes on with a run, and one of others is named first") {
  const TemporaryFolder folder;
  const paser::experiment::RunNeeds needs{.program = "train"};
  const auto open = [&](const char* preset, int epochs) {
    paser::experiment::RunFolder(folder / "run", nlohmann::json{{"preset", preset}, {"epochs", epochs}}, {}, needs);
  };
  open("standard", 3);
  CHECK_NOTHROW(open("own", 3));
  CHECK_THROWS_WITH(open("own", 4), Contains(R"(holds a run with preset = "standard", asked for is "own")"));
  CHECK_THROWS_WITH(open("standard", 4), Contains("holds a run with epochs = 3, asked for is 4"));
}

TEST_CASE("a stage of a run folder is measured, and an interruption is an exception") {
  const TemporaryFolder folder;
  paser::experiment::RunFolder run(folder / "run", nlohmann::json::object(), {}, {.program = "train"});
  std::ostringstream progress;
  auto* const before = std::cerr.rdbuf(progress.rdbuf());
  bool stop = true;
  const auto body = [&](const paser::pipeline::Stage& stage) {
    CHECK(stage.name == "f1");
    CHECK(stage.file == run.checkpoint("first"));
    stage.log(1, {{"loss", 2}});
    stage.callbacks.started(0, 2);
    stage.callbacks.progress(1, 2, "half");
    return !stop;
  };
  CHECK_THROWS_AS(run.run("f1", "first", body), program::Interrupted);
  CHECK(run.stage_costs().size() == 1);
  stop = false;
  run.run("f1", "first", body);
  run.run("f2", "second", [](const paser::pipeline::Stage& stage) {  // done before: no cost
    stage.callbacks.started(7, 7);
    return true;
  });
  std::cerr.rdbuf(before);
  CHECK_THAT(progress.str(), Contains("f1  1 of 2 steps in 0 s  half, interrupted\n"));
  CHECK_THAT(progress.str(), Contains("f1  1 of 2 steps in 0 s  half, over early, peak memory"));
  CHECK_THAT(progress.str(), Contains("f2  7 steps, made in an earlier run\n"));
  CHECK(run.stage_costs()[0].steps == 2);
  CHECK(run.stage_costs()[0].planned == 2);
  REQUIRE(run.stage_costs().size() == 1);
  CHECK(run.stage_costs()[0].stage == "f1");
  const auto log = paser::report::read_log(folder / "run" / "log.jsonl");
  REQUIRE(log.size() == 2);
  CHECK(log[0]["stage"] == "f1");
  CHECK(log[0]["loss"] == 2);
}

TEST_CASE("a trained model is a file, or a checkpoint of a run; a network has a name") {
  const TemporaryFolder folder;
  std::filesystem::create_directories(folder / "checkpoints");
  CHECK_THROWS_WITH(program::model_file(folder.path(), ""), Contains("holds no trained PaSeR"));
  for (const char* name : {"paser", "paser_tuned", "f1"})
    std::ofstream(folder / "checkpoints" / (std::string(name) + ".safetensors")) << "x";
  CHECK(program::model_file(folder.path(), "") == folder / "checkpoints" / "paser.safetensors");
  CHECK(program::model_file(folder.path(), "paser_tuned").stem() == "paser_tuned");
  CHECK_THROWS_WITH(program::model_file(folder.path(), "paser_tune"), Contains("did you mean 'paser_tuned'?"));
  CHECK(program::model_file("some.safetensors", "") == "some.safetensors");
  CHECK_THROWS_AS(program::model_file("some.safetensors", "paser"), paser::ValueError);

  const auto paser = paser::pipeline::make_paser(tiny::description(1), paser::Key{1});
  CHECK(program::chosen_policy(paser, "paser", {}).spec() == paser.policy.spec());
  CHECK(program::chosen_policy(paser, "f3", {}).as<paser::pipeline::Constant>()->model == 2);
  CHECK(program::chosen_policy(paser, "paser", {0.5, 0.25}).as<paser::pipeline::EntropyThreshold>()->thresholds[1] ==
        0.25);
  CHECK_THROWS_WITH(program::chosen_policy(paser, "paser", {0.5, std::nan("")}), Contains("expected nats"));
  CHECK_THROWS_WITH(program::chosen_policy(paser, "f4", {}), Contains("unknown method 'f4'"));
  CHECK_THROWS_WITH(program::chosen_policy(paser, "f2", {0.5, 0.25}), Contains("exclude each other"));
  CHECK_THROWS_WITH(program::chosen_policy(paser, "paser", {0.5}), Contains("expected one less than the 3"));
}
