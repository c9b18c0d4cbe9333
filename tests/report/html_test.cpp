#include "paser/report/html.hpp"

#include <catch2/catch.hpp>
#include <regex>

#include "report/sample_results.hpp"
#include "support/temporary_folder.hpp"

using namespace paser;
using namespace paser::report;
using Catch::Matchers::Contains;

static const PageAssets assets =
    read_page_assets(std::filesystem::path(PASER_TEST_DATA) / ".." / "include/paser/report/assets");

static PageData sample_page() {
  PageData data;
  data.log = {{{"stage", "pretrain f1"}, {"step", 1}, {"loss", 0.5}}};
  const auto mask = label_picture(Labels::full({1, 4, 4}, 1), 0, mask_palette);
  data.samples = {{"blur 1", "f1", true, 0.8, {{"input", mask}, {"final mask", mask}}, ""}};
  return data;
}

/// The JSON that the page carries.
static nlohmann::json carried(const std::string& page) {
  const std::string open = "<script id=\"run\" type=\"application/json\">";
  const auto begin = page.find(open) + open.size();
  return nlohmann::json::parse(page.substr(begin, page.find("</script>", begin) - begin));
}

TEST_CASE("The page carries every row, record, sample and claim") {
  const Results results = sample_results();
  const auto run = carried(html(results, sample_page(), assets));
  CHECK(run.at("results") == nlohmann::json::parse(nlohmann::json(results).dump()));
  CHECK(run.at("log").size() == 1);
  CHECK(run.at("samples")[0].at("pictures")[1].at("title") == "final mask");
  CHECK_THAT(run["samples"][0]["pictures"][0]["png"].get<std::string>(),
             Catch::Matchers::StartsWith("data:image/png;base64,iVBORw0KGgo"));
  CHECK(run.at("heat").size() == 9);
}

TEST_CASE("The page carries the parts of a segmentation, and a place for each") {
  PageData data = sample_page();
  data.samples[0].share = {0.25, 0.75};
  data.palette = {{0, 0, 0}, {255, 128, 1}};
  const std::string page = html(segmentation_results(), data, assets);
  const auto run = carried(page);
  CHECK(run.at("results") == nlohmann::json::parse(nlohmann::json(segmentation_results()).dump()));
  CHECK(run.at("palette") == nlohmann::json({"#000000", "#ff8001"}));
  CHECK(run.at("samples")[0].at("share") == nlohmann::json({0.25, 0.75}));
  CHECK_FALSE(carried(html(sample_results(), sample_page(), assets)).at("samples")[0].contains("share"));
  for (const char* id : {"lambda", "classes", "boxes", "tables", "images", "charts"}) {
    CHECK_THAT(page, Contains("<section id=\"" + std::string(id) + "\""));
    CHECK_THAT(page, Contains("hide(\"" + std::string(id) + "\")"));  // where a run has nothing to show there
  }
}

TEST_CASE("A stranger gets the result and the idea first, then the curve, then the table") {
  const std::string page = html(segmentation_results(), sample_page(), assets);
  std::size_t at = 0;
  for (const char* place : {"id=\"verdict\"", "id=\"advice\"", "id=\"idea-steps\"", "id=\"idea-words\"",
                            "id=\"charts-list\"", "id=\"scatter\"", "id=\"results-table\"", "id=\"claims-list\""}) {
    INFO(place);
    const auto found = page.find(place);
    REQUIRE(found != std::string::npos);
    CHECK(found > at);
    at = found;
  }
  const auto run = carried(page);
  CHECK(run.at("results").at("advice") == "use f1");
  CHECK(run["results"].at("charts")[0].at("points")[1].at("y").is_null());
}

TEST_CASE("A statement of the paper that is only compared has no verdict") {
  Results results = sample_results();
  results.claims.push_back({"IoU", 0.8, 0.9, std::nullopt, "another task"});
  const auto claims = carried(html(results, sample_page(), assets)).at("results").at("claims");
  CHECK(claims[0].at("reproduced") == true);
  CHECK_FALSE(claims[1].contains("reproduced"));
}

TEST_CASE("Every place that the scripts ask for is in the page") {
  const std::string page = html(segmentation_results(), sample_page(), assets);
  std::size_t asked = 0;
  const std::regex place(R"re(\$\("([a-z-]+)"\))re");
  for (std::sregex_iterator m(page.begin(), page.end(), place), end; m != end; ++m, ++asked) {
    INFO((*m)[1]);
    CHECK_THAT(page, Contains("id=\"" + (*m)[1].str() + "\""));
  }
  CHECK(asked > 50);
}

TEST_CASE("The page loads nothing") {
  std::string page = html(segmentation_results(), sample_page(), assets);
  CHECK(page.find("{{") == std::string::npos);
  page = std::regex_replace(page, std::regex("toDataURL\\("), "");  // makes an address, follows none
  CHECK_FALSE(std::regex_search(page, std::regex(R"re((src|href)\s*=\s*["']?\s*(https?:)?//)re", std::regex::icase)));
  for (const char* loader :
       {"@import", "url(", "fetch(", "XMLHttpRequest", "WebSocket", "importScripts", "<script src"})
    CHECK_THAT(page, !Contains(loader, Catch::CaseSensitive::No));
}

TEST_CASE("Text from the data cannot leave its place") {
  Results results = sample_results();
  const std::string evil = "</script><script>alert(1)</script><!-- {{run}} & \" ' \xE2\x80\xA8 \xFF";
  results.title = evil;
  results.rows[0].model = evil;
  results.classes = {evil};
  results.images = {{evil, {}}};
  results.tables = {{evil, evil, {evil}, {{evil}}}};
  results.charts = {{evil, evil, evil, evil, {{evil, 1, 1}}, {{evil, {1}, {1}}}}};
  results.advice = evil;
  results.findings = {evil};
  PageData data = sample_page();
  data.samples[0].kind = evil;
  data.log[0]["warning"] = evil;
  const std::string page = html(results, data, assets);
  CHECK_THAT(page, !Contains("alert(1)</script>"));
  CHECK_THAT(page, Contains("<title>&lt;/script&gt;&lt;script&gt;alert(1)"));
  const auto run = carried(page);
  CHECK_THAT(run["results"]["rows"][0]["model"].get<std::string>(),
             Contains("</script><script>alert(1)</script><!-- {{run}} & \" '"));
  std::size_t scripts = 0;
  for (auto at = page.find("<script"); at != std::string::npos; at = page.find("<script", at + 1)) ++scripts;
  const std::string plain = html(sample_results(), sample_page(), assets);
  for (auto at = plain.find("<script"); at != std::string::npos; at = plain.find("<script", at + 1)) --scripts;
  CHECK(scripts == 0);
}

TEST_CASE("Missing assets are named") {
  CHECK_THROWS_WITH(html(sample_results(), {}, {}), Contains("report.html") && Contains("missing"));
  CHECK_THROWS_AS(html(sample_results(), {}, {{"report.html", "{{file none.css}}"}}), IoError);
  CHECK_THROWS_AS(html(sample_results(), {}, {{"report.html", "{{unknown}}"}}), FormatError);
  const TemporaryFolder folder;
  CHECK_THROWS_AS(read_page_assets(folder / "none"), IoError);
  io::write_file(folder / "report.css", "a{}");
  CHECK(read_page_assets(folder.path()) == PageAssets{{"report.css", "a{}"}});
}

TEST_CASE("base64 pads as RFC 4648 says") {
  CHECK(report::detail::base64("") == "");
  CHECK(report::detail::base64("f") == "Zg==");
  CHECK(report::detail::base64("fo") == "Zm8=");
  CHECK(report::detail::base64("foobar") == "Zm9vYmFy");
}

TEST_CASE("The page is written whole") {
  TemporaryFolder folder;
  write_html(folder / "report.html", sample_results(), sample_page(), assets);
  CHECK(io::read_file(folder / "report.html") == html(sample_results(), sample_page(), assets));
}

TEST_CASE("Names of other encodings and with control characters are carried, and shown in the title") {
  Results results = sample_results();
  results.title =
      "\x1B[31m Stra\xDF"
      "e \xE2\x80\xAE";
  results.rows[0].model =
      "Stra\xDF"
      "e";
  const std::string page = html(results, sample_page(), assets);
  CHECK_THAT(page, Contains("<title>\\x1B[31m Stra\\xDFe \\xE2\\x80\\xAE"));
  CHECK(carried(page)["results"]["rows"][0]["model"] == "Stra\\xDFe");
}
