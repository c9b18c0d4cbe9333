#pragma once
#include "paser/core/macros_off.inc"

#include <cmath>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "paser/io/atomic_file.hpp"
#include "paser/io/image.hpp"
#include "paser/io/json.hpp"
#include "paser/report/figures.hpp"
#include "paser/report/log.hpp"
#include "paser/report/page_assets.hpp"
#include "paser/report/results.hpp"

/// The page of a run: report.html, one file that loads nothing.
namespace paser::report {

/// A picture and what it shows, in a few words.
struct NamedPicture {
  std::string title{};
  Picture picture{};
};

/// One test image on its way through the method.
struct Sample {
  std::string kind{};                    ///< what was done to it, or why it is shown: "worst by IoU". A heading a kind
  std::string route{};                   ///< the model that answered; empty where patches went to several
  std::optional<bool> right{};           ///< whether that model was meant for this kind
  std::optional<double> iou{};           ///< of the final mask
  std::vector<NamedPicture> pictures{};  ///< of one size: input, truth, each model's labels, entropy, routes, ...
  std::string note{};                    ///< the file, what to look at
  std::vector<double> share{};           ///< of its patches answered by each model, where there are several
};

/// What the page shows beside the results.
struct PageData {
  std::vector<nlohmann::json> log;  ///< records of log.jsonl, see Log; thinned when the page is written
  std::vector<Sample> samples;
  double entropy_max = std::log(2.0);  ///< the value of the brightest colour in the entropy pictures, nats
  std::vector<Rgb> palette{label_palette.begin(),
                           label_palette.end()};  ///< the colours of Results::classes in the pictures
};

namespace detail {

inline std::string base64(std::string_view bytes) {
  constexpr std::string_view digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const auto byte = [&](std::size_t k) {
      return i + k < bytes.size() ? static_cast<unsigned>(static_cast<unsigned char>(bytes[i + k])) : 0u;
    };
    const unsigned word = byte(0) << 16 | byte(1) << 8 | byte(2);
    text += digits[word >> 18];
    text += digits[word >> 12 & 63u];
    text += i + 1 < bytes.size() ? digits[word >> 6 & 63u] : '=';
    text += i + 2 < bytes.size() ? digits[word & 63u] : '=';
  }
  return text;
}

/// JSON that cannot end the script element that holds it, whatever its strings say.
template <class Json>
std::string script_safe(const Json& value) {
  const std::string text = io::json_text(value, -1, true);
  std::string safe;
  safe.reserve(text.size());
  for (const char c : text) {
    switch (c) {
      case '<':
        safe += "\\u003c";
        break;
      case '>':
        safe += "\\u003e";
        break;
      case '&':
        safe += "\\u0026";
        break;
      default:
        safe += c;
    }
  }
  return safe;
}

/// Text for an element or a quoted attribute.
inline std::string html_escaped(std::string_view text) {
  std::string safe;
  for (const char c : visible(text)) {
    switch (c) {
      case '<':
        safe += "&lt;";
        break;
      case '>':
        safe += "&gt;";
        break;
      case '&':
        safe += "&amp;";
        break;
      case '"':
        safe += "&quot;";
        break;
      case '\'':
        safe += "&#39;";
        break;
      default:
        safe += c;
    }
  }
  return safe;
}

inline std::string hex_colour(Rgb c) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string text = "#";
  for (const std::uint8_t v : {c.r, c.g, c.b}) {
    text += digits[v >> 4];
    text += digits[v & 15u];
  }
  return text;
}

template <class Json>
Json sample_json(const Sample& sample) {
  Json j{{"kind", sample.kind}, {"route", sample.route}, {"note", sample.note}, {"pictures", Json::array()}};
  if (sample.right) j["right"] = *sample.right;
  if (sample.iou) j["iou"] = *sample.iou;
  if (!sample.share.empty()) j["share"] = sample.share;
  for (const auto& [title, picture] : sample.pictures)
    j["pictures"].push_back({{"title", title},
                             {"width", picture.shape().w()},
                             {"height", picture.shape().h()},
                             {"png", "data:image/png;base64," + base64(io::encode_png(picture))}});
  return j;
}

/// The template with every {{name}} replaced by value(name). What is put in is not searched again.
template <class Value>
std::string fill_template(std::string_view text, const Value& value) {
  std::string page;
  for (;;) {
    const auto open = text.find("{{"), close = text.find("}}", open == std::string_view::npos ? 0 : open);
    if (open == std::string_view::npos || close == std::string_view::npos) return page += text;
    page += text.substr(0, open);
    page += value(text.substr(open + 2, close - open - 2));
    text.remove_prefix(close + 2);
  }
}

}  // namespace detail

/// The page as text. `assets` are those of the headers' paser/report/assets, see read_page_assets. Throws IoError
/// naming the one that is missing.
template <class Json = nlohmann::json>
std::string html(const Results& results, const PageData& data, const PageAssets& assets) {
  Json run{{"results", results},    {"log", thin(data.log)},    {"samples", Json::array()},
           {"heat", Json::array()}, {"palette", Json::array()}, {"entropy_max", data.entropy_max}};
  for (const Sample& sample : data.samples) run["samples"].push_back(detail::sample_json<Json>(sample));
  for (int i = 0; i <= 8; ++i) run["heat"].push_back(detail::hex_colour(heat(i / 8.0)));
  for (const Rgb colour : data.palette) run["palette"].push_back(detail::hex_colour(colour));
  const auto asset = [&](std::string_view name) -> const std::string& {
    const auto found = assets.find(name);
    check<IoError>(found != assets.end(), "report", "the page's asset ", name,
                   " is missing; expected those of the headers' folder paser/report/assets");
    return found->second;
  };
  return detail::fill_template(asset("report.html"), [&](std::string_view name) {
    if (name == "title") return detail::html_escaped(results.title);
    if (name == "run") return detail::script_safe(run);
    if (name.starts_with("file ")) return asset(name.substr(5));
    throw FormatError(message("report: the template asks for {{", name, "}}, which is not known"));
  });
}

/// Writes report.html, whole or not at all.
template <class Json = nlohmann::json>
void write_html(const std::filesystem::path& file, const Results& results, const PageData& data,
                const PageAssets& assets) {
  io::write_file(file, html<Json>(results, data, assets));
}

}  // namespace paser::report
#include "paser/core/macros_on.inc"
