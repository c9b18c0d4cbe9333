#include "paser/experiment/older_run.hpp"

#include <catch2/catch.hpp>

#include "examples/child_process.hpp"
#include "experiment/made_run.hpp"
#include "support/temporary_folder.hpp"

namespace older_run_test {

using namespace made_run;
using Catch::Matchers::Contains;

TEST_CASE("a run of before there were manifests goes on, as far as its files prove that it wrote them") {
  const TemporaryFolder folder;
  const fs::path run = folder / "run";
  make_run(run);
  put(run / "log.jsonl", "{\"stage\":\"f1\"}\n");
  const auto paser = [] {  // of a trained PaSeR, which is of no stage
    paser::io::Checkpoint c;
    c.info["name"] = "PaSeR";
    return c;
  };
  paser().save(run / "checkpoints" / "paser_tuned.safetensors");
  paser().save(run / "checkpoints" / "my_best_backup.safetensors");
  const auto with_results = [&] {
    put(run / "images.csv", "image,method,iou,gmac,ms\r\n1,2,3,4,5\r\n");
    put(run / "results.json", "{\"environment\":{},\"settings\":{},\"command\":\"train\"}");
  };
  fs::remove(run / "results.json");
  fs::remove(run / ".paser_outputs");
  const std::set<std::string> begun{"checkpoints", "config.json", "data.json", "log.jsonl"};
  SECTION("all of it, and it began before there were checksums of the data") {
    fs::remove(run / "data.json");
    {
      paser::experiment::RunFolder r(run, settings, {}, needs());
      CHECK(r.stage_costs().size() == 1);
      some_checkpoint().save(r.checkpoint_to_write("f1"));
      r.write("images.csv", "new");
      r.write("results.json", "new");
    }
    CHECK(content_of(run / "log.jsonl") == "{\"stage\":\"f1\"}\n");
    open(run, {.fresh = true});
    CHECK(names_in(run) == begun);
    CHECK(names_in(run / "checkpoints") == std::set<std::string>{"my_best_backup.safetensors"});
  }
  SECTION("begun anew it is removed, but for a copy that somebody made of a checkpoint") {
    open(run, {.fresh = true});
    CHECK(names_in(run) == begun);
    CHECK(names_in(run / "checkpoints") == std::set<std::string>{"my_best_backup.safetensors"});
  }
  SECTION("of two checkpoints of one stage either may be the copy, and nothing is removed") {
    fs::copy_file(run / "checkpoints" / "f1.safetensors", run / "checkpoints" / "f1_best.safetensors");
    const auto before = all_of(run);
    for (const bool fresh : {false, true}) {
      CHECK_THROWS_WITH(open(run, {.fresh = fresh}), Contains("checkpoints/f1.safetensors") &&
                                                         Contains("checkpoints/f1_best.safetensors") &&
                                                         Contains("are of stage \"f1\"; move what"));
      CHECK_THROWS_AS(open(run, {.fresh = fresh}), paser::ValueError);
      CHECK(all_of(run) == before);
    }
    open(run, {.fresh = true, .overwrite = true});
    CHECK(fs::exists(run / "checkpoints" / "f1_best.safetensors"));
  }
  SECTION("results are replaced with --overwrite alone: they may have been written in") {
    with_results();
    const auto before = all_of(run);
    for (const bool fresh : {false, true}) {
      CHECK_THROWS_WITH(open(run, {.fresh = fresh}), Contains("results.json") && Contains("--overwrite"));
      CHECK(all_of(run) == before);
    }
    {
      paser::experiment::RunFolder r(run, settings, {.overwrite = true}, needs());
      CHECK(r.goes_on());
      r.write("images.csv", "new");
      r.write("results.json", "new");
    }
    open(run);  // they are the run's now
  }
  SECTION("a file of somebody else is named") {
    put(run / "images.csv", "my table");
    CHECK_THROWS_WITH(open(run), Contains("images.csv") && Contains("train did not write it"));
    CHECK_THROWS_WITH(open(run, {.fresh = true}), Contains("images.csv"));
    CHECK(content_of(run / "images.csv") == "my table");
  }
  SECTION("a checkpoint of somebody else is named when its stage comes") {
    put(run / "checkpoints" / "f1.safetensors", "weights of mine");
    paser::experiment::RunFolder r(run, settings, {}, needs());
    CHECK_THROWS_WITH(r.checkpoint_to_write("f1"), Contains("f1.safetensors") && Contains("train did not write it"));
  }
  SECTION("what a link leads to is not the run's, whatever it holds") {
    for (const char* name : {"log.jsonl", "checkpoints/f1.safetensors"}) {
      const fs::path elsewhere = folder / fs::path(name).filename();
      fs::rename(run / name, elsewhere);
      fs::create_symlink(elsewhere, run / name);
      const std::string before = content_of(elsewhere);
      const auto go_on = [&] {
        paser::experiment::RunFolder r(run, settings, {}, needs());
        some_checkpoint().save(r.checkpoint_to_write("f1"));
      };
      CHECK_THROWS_WITH(go_on(), Contains(name) && Contains("train did not write it"));
      CHECK(content_of(elsewhere) == before);
      fs::remove(run / name);
      fs::rename(elsewhere, run / name);
      fs::remove(run / ".paser_outputs");
    }
  }
  SECTION("what is judged by its content may be reached by a link, as where there is a list") {
    for (const char* name : {"config.json", "stages.json"}) {
      if (!fs::exists(run / name)) continue;
      fs::rename(run / name, folder / name);
      fs::create_symlink(folder / name, run / name);
    }
    REQUIRE(fs::is_symlink(run / "config.json"));
    open(run);
  }
  SECTION("a configuration that no program of paser wrote proves nothing") {
    put(run / "config.json", "{\"settings\":{\"seed\":1},\"environment\":{\"library\":\"torch\"}}");
    CHECK_THROWS_WITH(open(run), Contains("holds files and no run of train"));
    CHECK_THROWS_WITH(open(run, {.fresh = true}), Contains("holds files and no run of train"));
    CHECK(fs::exists(run / "checkpoints" / "f1.safetensors"));
  }
  SECTION("an evaluation in its folder changes nothing") {
    with_results();
    {
      paser::io::OutputFolder evaluation(run, "evaluate");
      CHECK_THROWS_AS(evaluation.write("images.csv", "x"), paser::ValueError);
      evaluation.write("evaluation.json", "x");
    }
    fs::remove(run / "results.json");
    fs::remove(run / "images.csv");
    open(run);
    CHECK(content_of(run / "evaluation.json") == "x");
  }
}

}  // namespace older_run_test
