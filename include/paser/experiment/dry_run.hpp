#pragma once
#include "paser/core/macros_off.inc"

#include <filesystem>
#include <map>
#include <ostream>
#include <vector>

#include "paser/core/text.hpp"
#include "paser/io/json.hpp"

/// What a command would do, told in place of doing it.
namespace paser::experiment {

/// What a command would read and write: what the option --dry-run of the programs says.
class DryRun {
 public:
  /// A file or folder, what is to be said of it in words, and the same for programs: an object.
  struct Item {
    std::filesystem::path file{};
    std::string about{};
    nlohmann::json details = nlohmann::json::object();
  };

  DryRun& reads(Item item) { return add(reads_, std::move(item)); }      ///< What is read.
  DryRun& writes(Item item) { return add(writes_, std::move(item)); }    ///< What is written.
  DryRun& refuses(Item item) { return add(refused_, std::move(item)); }  ///< What is left out, and why.

  /// Files that are read and too many to be told one by one: their folders, with the number of files in each.
  template <class Files>
  DryRun& reads_all(const Files& files) {
    std::map<std::filesystem::path, std::size_t> folders;
    for (const std::filesystem::path& file : files) ++folders[file.parent_path()];
    for (const auto& [folder, count] : folders) reads({folder, counted(count), {{"files", count}}});
    return *this;
  }

  /// "1 file", "12 images".
  static std::string counted(std::size_t count, const std::string& what = "file") {
    return message(count, " ", what, count == 1 ? "" : "s");
  }

  /// For people a line each, for programs one document. What is refused has had its message.
  void print(std::ostream& out, bool json) const {
    if (json) {
      nlohmann::json document{{"dry_run", true}, {"reads", listed(reads_)}, {"writes", listed(writes_)}};
      if (!refused_.empty()) document["refused"] = listed(refused_);
      out << io::json_text(document, 2) << "\n";
      return;
    }
    print(out, "would read   ", reads_);
    print(out, "would write  ", writes_);
    out << "a dry run: nothing was written\n";
  }

 private:
  using Items = std::vector<Item>;

  DryRun& add(Items& items, Item item) {
    items.push_back(std::move(item));
    return *this;
  }

  static nlohmann::json listed(const Items& items) {
    auto list = nlohmann::json::array();
    for (const Item& item : items) {
      nlohmann::json entry = item.details;
      entry["file"] = item.file.string();
      if (!item.about.empty()) entry["about"] = item.about;
      list.push_back(std::move(entry));
    }
    return list;
  }

  static void print(std::ostream& out, const char* what, const Items& items) {
    if (items.empty()) out << what << "nothing\n";
    for (const Item& item : items)
      out << what << visible(item.file.string()) << (item.about.empty() ? "" : ": ") << visible(item.about) << "\n";
  }

  Items reads_, writes_, refused_;
};

/// Thrown where a dry run would begin to work.
struct DryRunEnds {
  DryRun would;  ///< What the work would read and write.
};

}  // namespace paser::experiment
#include "paser/core/macros_on.inc"
