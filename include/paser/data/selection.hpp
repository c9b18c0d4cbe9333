#pragma once

#include <span>
#include <vector>

#include "paser/core/error.hpp"
#include "paser/data/batch.hpp"

namespace paser::data {

/// Some images of a data set as a data set of its own, in the order of their numbers there. The data set must outlive
/// it.
template <class Source>
class Selection {
 public:
  /// Throws ValueError on a number that the source does not have.
  Selection(const Source& source, std::vector<Index> numbers) : source_(&source), numbers_(std::move(numbers)) {
    for (const Index i : numbers_)
      check<ValueError>(i >= 0 && i < source.size(), "Selection", "there is no image ", i, " in a set of ",
                        source.size());
  }

  Index size() const { return static_cast<Index>(numbers_.size()); }

  Batch rows(std::span<const Index> which) const {
    std::vector<Index> mapped;
    for (const Index i : which) {
      check<ValueError>(i >= 0 && i < size(), "Selection", "there is no image ", i, " in a set of ", size());
      mapped.push_back(numbers_[static_cast<std::size_t>(i)]);
    }
    return source_->rows(mapped);
  }
  Batch range(Index begin, Index end) const {
    check<ValueError>(0 <= begin && begin <= end && end <= size(), "Selection", "images ", begin, " .. ", end,
                      " of a set of ", size());
    return source_->rows(
        std::span(numbers_).subspan(static_cast<std::size_t>(begin), static_cast<std::size_t>(end - begin)));
  }

 private:
  const Source* source_;
  std::vector<Index> numbers_;
};

}  // namespace paser::data
