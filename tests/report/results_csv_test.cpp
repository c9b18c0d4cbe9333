#include "paser/report/results_csv.hpp"

#include <catch2/catch.hpp>

#include "paser/io/file.hpp"
#include "report/sample_results.hpp"
#include "support/temporary_folder.hpp"

using namespace paser;
using namespace paser::report;

TEST_CASE("Methods are records with an empty field for what was not measured") {
  CHECK(methods_csv(sample_results()) ==
        "model,kind,iou,iou_std,gmac,iou_per_gmac,ms_per_image,ms_low,ms_high,ms_runs,ms_busy,share f1,"
        "share f2,note\r\n"
        "f1,single,0.7012,,0.0223,31.44394618834081,0.41,,,,,1,0,one pass\r\n"
        "PaSeR (λ = 0),paser,0.8432,0.05,0.2585,3.261895551257253,,,,,,0.25,0.75,\r\n");
}

TEST_CASE("A repeated time has its quartiles, its number of runs, and whether the machine was busy") {
  Results r = sample_results();
  r.rows[0].ms_spread = TimeSpread{.low = 0.25, .high = 0.5, .runs = 7, .waited = 0.5};
  CHECK(methods_csv(r).find("31.44394618834081,0.41,0.25,0.5,7,1,1,0,one pass\r\n") != std::string::npos);
}

TEST_CASE("Images are one record a method, with quotes where RFC 4180 asks for them") {
  CHECK(images_csv(segmentation_results()) ==
        "image,method,iou,gmac,ms,share f1,share f2\r\n"
        "\"a,\"\"b\"\".png\",PaSeR (λ = 0),0.75,2.5,,0.5,0.5\r\n"
        "\"a,\"\"b\"\".png\",f1,0.1,0.25,3,1,0\r\n");
}

TEST_CASE("An empty first field is a field, and text keeps its line breaks within quotes") {
  Results r = sample_results();
  r.models.clear();
  r.rows = {Row{.model = "", .kind = "a\nb", .iou = 1, .gmac = 2}};
  const std::string csv = methods_csv(r);
  CHECK(csv.substr(csv.find('\n') + 1) == ",\"a\nb\",1,,2,0.5,,,,,,\r\n");
}

TEST_CASE("Both files are written; images only where there are any") {
  TemporaryFolder folder;
  write_csv(folder.path(), sample_results());
  CHECK_FALSE(std::filesystem::exists(folder / "images.csv"));
  write_csv(folder.path(), segmentation_results());
  CHECK(io::read_file(folder / "methods.csv") == methods_csv(segmentation_results()));
  CHECK(io::read_file(folder / "images.csv") == images_csv(segmentation_results()));
}
