#include "paser/report/reliability_figure.hpp"

#include <catch2/catch.hpp>

namespace reliability_figure {

using namespace paser;
using Catch::Matchers::Contains;

metrics::Calibration sample() {
  metrics::Calibration c(4);
  Labels said({1, 1, 4}), is({1, 1, 4});
  Tensor<double, 3> sure({1, 1, 4});
  const double confidence[] = {0.5, 0.75, 0.875, 1};
  for (int i = 0; i < 4; ++i) {
    said.mutable_data()[i] = 1;
    is.mutable_data()[i] = i % 2;  // wrong, right, wrong, right
    sure.mutable_data()[i] = confidence[i];
  }
  c.add(said, sure, is);
  return c;
}

TEST_CASE("the reliability table has a record for each bin, empty where there is nothing to say") {
  CHECK(report::reliability_csv(sample()) ==
        "confidence above,up to,pixels,mean confidence,accuracy\r\n"
        "0,0.25,0,,\r\n"
        "0.25,0.5,1,0.5,0\r\n"
        "0.5,0.75,1,0.75,1\r\n"
        "0.75,1,2,0.9375,0.5\r\n");
}

TEST_CASE("the reliability plot has a bar, a stroke and a share for each bin with pixels, in its frame") {
  const std::string svg = report::reliability_svg(sample(), "f1 & <f2>");
  CHECK_THAT(svg, Contains("f1 &amp; &lt;f2&gt;"));
  // |0 - 0.5| / 4 + |1 - 0.75| / 4 + 2 |0.5 - 0.9375| / 4
  CHECK_THAT(svg, Contains("expected calibration error 0.4062"));
  const auto occurrences = [&](std::string_view text) {
    std::size_t n = 0;
    for (auto at = svg.find(text); at != std::string::npos; at = svg.find(text, at + 1)) ++n;
    return n;
  };
  CHECK(occurrences("<rect") == 1 + 2 * 3);
  CHECK(occurrences("stroke-width=\"2.5\"") == 3);
  CHECK_THAT(svg,
             Contains("<rect x=\"239.00\" y=\"44.00\" width=\"89.00\" height=\"364.00\""));  // 0.5 .. 0.75: all right
  CHECK_THAT(svg, Contains("<rect x=\"330.00\" y=\"226.00\""));                              // half right
  for (const char* loads : {"href", "url(", "<script", "nan", "inf"}) CHECK_THAT(svg, !Contains(loads));
}

TEST_CASE("bars have a width however many bins there are") {
  for (const int bins : {1, 182, 183, 10'000}) {
    metrics::Calibration c(bins);
    c.add(Labels::full({1, 1, 1}, 1), Tensor<double, 3>::full({1, 1, 1}, 0.51), Labels::full({1, 1, 1}, 1));
    const std::string svg = report::reliability_svg(c);
    CHECK_THAT(svg, !Contains("width=\"-") && !Contains("height=\"-"));
  }
}

TEST_CASE("texts of a picture are characters that XML has, whatever bytes a name is made of") {
  const std::string svg =
      report::reliability_svg(sample(), "f\xE4hre \xEF\xBF\xBE \xEF\xBF\xBF \xEF\xBF\xBD \x1B\xC3\xA4");
  CHECK_THAT(svg, Contains(">f\\xE4hre     \xEF\xBF\xBD  \xC3\xA4</text>") &&
                      Contains("<title>f\\xE4hre     \xEF\xBF\xBD  \xC3\xA4</title>"));
  CHECK(find_not_utf8(svg) == std::string::npos);
}

TEST_CASE("without a pixel there is a table and no plot") {
  CHECK_THROWS_WITH(report::reliability_svg(metrics::Calibration()), Contains("no pixel was counted"));
  CHECK_THAT(report::reliability_csv(metrics::Calibration(1)), Contains("\r\n0,1,0,,\r\n"));
}

}  // namespace reliability_figure
