#include <catch2/catch.hpp>

#include "experiment/made_run.hpp"
#include "support/temporary_folder.hpp"

/// Runs whose files have other names elsewhere.
namespace run_folder_links_test {

using namespace made_run;
using Catch::Matchers::Contains;

const std::string list = paser::io::OutputManifest::file_name, log = "log.jsonl", events = "events.out.tfevents.paser";

/// A run that makes one step, or goes on with one.
void go_on(const fs::path& run, int step) {
  paser::experiment::RunFolder r(run, settings, {.tensorboard = true}, needs());
  r.run("f1", "f1", [&](const paser::pipeline::Stage& stage) {
    stage.log(step, nlohmann::json{{"loss", step}});
    some_checkpoint().save(stage.file);
    return true;
  });
}

TEST_CASE("a run and its copy by hard links go on, each without a change of the other") {
  const TemporaryFolder folder;
  const fs::path run = folder / "run", copy = folder / "copy";
  go_on(run, 1);
  fs::copy(run, copy, fs::copy_options::recursive | fs::copy_options::create_hard_links);
  REQUIRE(fs::hard_link_count(run / log) == 2);
  const auto whole = [](const fs::path& of) {
    auto files = all_of(of);
    files[list] = content_of(of / list);
    return files;
  };
  const auto copied = whole(copy);
  go_on(run, 2);
  CHECK(whole(copy) == copied);
  const auto gone_on = whole(run);
  go_on(copy, 3);
  go_on(copy, 4);
  CHECK(whole(run) == gone_on);
  CHECK(paser::report::read_log(run / log).size() == 2);
  CHECK(paser::report::read_log(copy / log).size() == 3);
}

TEST_CASE("a file that was linked into a run's place for one is neither changed nor trained into") {
  const TemporaryFolder folder;
  const fs::path run = folder / "run", model = folder / "model.safetensors", diary = folder / "diary.jsonl";
  go_on(run, 1);
  some_checkpoint().save(model);
  put(diary, "{\"note\":1}\n");
  put(folder / "empty", "");
  const auto others = [&] {
    auto files = all_of(folder.path());
    std::erase_if(files, [](const auto& file) { return file.first.starts_with("run"); });
    return files;
  };
  const auto before = others();
  const auto in_place = [&](const std::string& name, const fs::path& file, const auto& link) {
    fs::rename(run / name, folder / "moved");
    link(file, run / name);
    return [&, name] { fs::rename(folder / "moved", run / name); };
  };
  const auto soft = [](const fs::path& to, const fs::path& link) { fs::create_symlink(to, link); };
  const auto hard = [](const fs::path& to, const fs::path& link) { fs::create_hard_link(to, link); };
  for (const auto& [name, file] : {std::pair{std::string("checkpoints/f1.safetensors"), model},
                                   {log, diary},
                                   {log, folder / "empty"},
                                   {events, folder / "empty"}}) {
    const auto back = in_place(name, file, soft);
    INFO(name);
    CHECK_THROWS_WITH(go_on(run, 2), Contains(name) && Contains("is a link, and train makes none"));
    CHECK_THROWS_WITH(paser::experiment::RunFolder(run, settings, {.tensorboard = true, .dry_run = true}, needs()),
                      Contains(name) && Contains("is a link"));
    back();
    CHECK(others() == before);
  }
  for (const auto& [name, file] :
       {std::pair{std::string("checkpoints/f1.safetensors"), model}, {log, diary}, {events, folder / "empty"}}) {
    const auto back = in_place(name, file, hard);
    INFO(name);
    go_on(run, 2);
    back();
    CHECK(others() == before);
  }
}

TEST_CASE("a run goes on whose folder, or whose checkpoints, are reached by a link") {
  const TemporaryFolder folder;
  const fs::path run = folder / "run", disk = folder / "disk";
  go_on(run, 1);
  fs::rename(run / "checkpoints", disk);
  fs::create_directory_symlink(disk, run / "checkpoints");
  fs::create_directory_symlink(run, folder / "link");
  fs::remove(disk / "f1.safetensors");
  go_on(folder / "link", 2);
  CHECK(fs::is_symlink(run / "checkpoints"));
  CHECK(fs::exists(disk / "f1.safetensors"));
  go_on(run, 3);
  CHECK(paser::report::read_log(run / log).size() == 3);
}

}  // namespace run_folder_links_test
