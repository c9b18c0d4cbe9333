#include <catch2/catch.hpp>
#include <cmath>
#include <cstdlib>

#include "paser/report/html.hpp"
#include "report/sample_results.hpp"
#include "support/temporary_folder.hpp"

namespace page_in_browser {

using namespace paser;
using namespace paser::report;

/// Notes what goes wrong from the page's first script on.
constexpr const char* listener =
    "<head><script>window.problems = []; addEventListener('error', (e) => problems.push(e.message));</script>";

/// Replaces the page by what is to be known of it, as JSON.
constexpr const char* probe = R"js(<script>
addEventListener("load", () => setTimeout(async () => {
  const found = { problems, files: [] };
  found.wide = document.documentElement.scrollWidth > document.documentElement.clientWidth;
  found.unlabelled = [...document.querySelectorAll("[data-unlabelled]")].map((e) => Number(e.dataset.unlabelled));
  found.verdict = document.getElementById("verdict").textContent;
  found.advice = document.getElementById("advice").textContent;
  found.steps = document.querySelectorAll(".step svg").length;
  found.states = [...document.querySelectorAll(".claims .state")].map((e) => e.textContent);
  found.dashes = [...document.querySelectorAll("#matrices td")].filter((e) => e.textContent === "–").length;
  found.unshared = [...document.querySelectorAll("#results-table td:last-child")].filter((e) => e.textContent === "–").length;
  for (const { title, drawing, rows } of charts.savers) {
    const file = { title, csv: rows ? charts.csv(rows()) : "" };
    if (drawing) {
      const text = charts.textOf(drawing());
      file.svg = !new DOMParser().parseFromString(text, "image/svg+xml").querySelector("parsererror") && !/NaN|undefined|var\(/.test(text);
      file.png = (await charts.png(drawing())).startsWith("data:image/png;base64,");
    }
    found.files.push(file);
  }
  document.body.textContent = "FOUND" + encodeURIComponent(JSON.stringify(found)) + "END";
}, 300));
</script></body>)js";

std::string decoded(std::string_view text) {
  std::string plain;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      plain += text[i];
      continue;
    }
    plain += static_cast<char>(std::stoi(std::string(text.substr(i + 1, 2)), nullptr, 16));
    i += 2;
  }
  return plain;
}

/// The page in a window of this width, as chromium sees it; null where there is no chromium.
nlohmann::json seen(const Results& results, int width) {
  if (std::system("command -v chromium >/dev/null 2>&1") != 0) return nullptr;
  const TemporaryFolder folder;
  PageData data;
  for (int step = 1; step <= 3; ++step)
    data.log.push_back({{"stage", "pretrain f1"}, {"step", step}, {"loss", 1.0 / step}});
  data.log.back()["early_stop"] = "no better in 2 validations";
  std::string page = html(
      results, data, read_page_assets(std::filesystem::path(PASER_TEST_DATA) / ".." / "include/paser/report/assets"));
  page.replace(page.find("<head>"), 6, listener);
  page.replace(page.rfind("</body>"), 7, probe);
  io::write_file(folder / "page.html", page);
  const std::string dump = (folder / "dump.html").string();
  const std::string command =
      message("HOME='", folder.path().string(), "' timeout 120 chromium --headless --no-sandbox --disable-gpu ",
              "--virtual-time-budget=20000 --dump-dom --window-size=", width, ",900 'file://",
              (folder / "page.html").string(), "' >'", dump, "' 2>/dev/null");
  REQUIRE(std::system(command.c_str()) == 0);
  const std::string text = io::read_file(dump);
  const auto begin = text.find("FOUND"), end = text.find("END", begin == std::string::npos ? 0 : begin);
  REQUIRE(begin != std::string::npos);
  return nlohmann::json::parse(decoded(std::string_view(text).substr(begin + 5, end - begin - 5)));
}

TEST_CASE("in a browser the page runs, says the result first, fits its window, and gives every chart as files") {
  Results results = segmentation_results();
  results.claims.push_back({"IoU", 0.8, 0.9, std::nullopt, "another task"});
  const std::string by_test_images =
      "Routing pays here: PaSeR (λ = 0) (IoU 0.843) is better than the best network alone, f1 (IoU 0.701), at 12 times "
      "its computation.";
  struct Said {
    int width;
    std::string verdict, advice;
  };
  // Findings of unseen images decide where there are any, then the run's advice, then the rows.
  const Said all[]{
      {1400, "", "Advice: use f1"}, {500, "Use f1", ""}, {1400, by_test_images, "Advice: use PaSeR (λ = 0)."}};
  for (const auto& [width, verdict, advice] : all) {
    if (verdict == "Use f1") results.findings.clear();
    if (verdict == by_test_images) results.advice.clear();
    const auto found = seen(results, width);
    if (found.is_null()) {
      WARN("no chromium: the page was not looked at");
      return;
    }
    INFO(found.dump(1));
    CHECK(found["problems"].empty());
    CHECK_FALSE(found["wide"].get<bool>());
    CHECK(found["unlabelled"] == nlohmann::json{0});
    CHECK(found["verdict"] == verdict);
    CHECK(found["advice"] == advice);
    CHECK(found["steps"] == 5);
    CHECK(found["states"] == nlohmann::json{"✔ holds here", "only compared"});
    std::vector<std::string> titles;
    for (const auto& file : found["files"]) {
      titles.push_back(file["title"]);
      CHECK(file["csv"].get<std::string>().ends_with("\r\n"));
      if (file.contains("svg")) CHECK((file["svg"] == true && file["png"] == true));
    }
    for (const char* title : {"Quality against time", "Results", "Classes", "Phase fractions", "Entropy",
                              "pretrain: Loss", "Mean IoU by weight of the cost"}) {
      INFO(title);
      CHECK(std::count(titles.begin(), titles.end(), title) == 1);
    }
    CHECK(found["files"][0]["csv"] ==
          "kind,name,ms,IoU\r\npoint,f1,1,0.5\r\nline,router,1,0.5\r\nline,router,2,0.7\r\n"
          "line,router,4,0.75\r\nline,random mixes,1,0.5\r\nline,random mixes,4,0.75\r\n");
  }
}

TEST_CASE("in a browser values that differ by rounding alone are drawn, and what has no patches has no shares") {
  Results results = segmentation_results();
  results.assignment.begin()->second.at(0) = {0, 0};
  const std::vector<double> values{0.8431, std::nextafter(0.8431, 1.0)};
  results.box_plots[0].groups = {{"T = 5", metrics::box_stats(values)}};
  results.charts[0].points = {{"f1", 1, 0.8431}, {"f2", std::nextafter(1.0, 2.0), values[1]}};
  results.charts[0].lines.clear();
  Index cleared = 0;
  for (Row& row : results.rows)
    if (row.kind == "single") {  // as of a network beside those of the PaSeR
      row.share.clear();
      ++cleared;
    }
  const auto found = seen(results, 1400);
  if (found.is_null()) {
    WARN("no chromium: the page was not looked at");
    return;
  }
  INFO(found.dump(1));
  CHECK(found["problems"].empty());
  CHECK(found["dashes"] == 2);
  CHECK(found["unshared"] == cleared);
}

}  // namespace page_in_browser
