#pragma once
#include "paser/core/macros_off.inc"

#include <bit>
#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "paser/core/error.hpp"
#include "paser/io/bytes.hpp"
#include "paser/io/raw_tensor.hpp"

/// The part of Python's pickle that torch.save writes for tensors in plain containers. A pickle is a program for a
/// small machine, and may name any function of Python's to call. Here nothing is called: of the names it may use there
/// are those in this file, each of which makes a value, and any other is refused.
namespace paser::io::detail {

/// A value in a pickle. Others point to it, since a list that stands in two places is one list; what they describe is
/// not copied either, since a value of a few bytes may be made of a long one as often as the code says so.
struct PickleNode {
  enum class Kind { none, boolean, integer, real, text, list, tuple, dict, name, storage, tensor };

  Kind kind = Kind::none;
  std::int64_t integer = 0;  ///< integer, boolean; of a storage its number of elements
  double real = 0;
  std::string text{};                                     ///< text; a name "torch FloatStorage"
  std::vector<const PickleNode*> items{};                 ///< of a list or tuple; of a dict keys and values in turn
  DType dtype = DType::F32;                               ///< of a storage
  const PickleNode* key = nullptr;                        ///< of a storage: a text
  const PickleNode* storage = nullptr;                    ///< of a tensor
  std::int64_t offset = 0;                                ///< of a tensor, in elements
  const PickleNode *shape = nullptr, *strides = nullptr;  ///< of a tensor, in elements: tuples of numbers from 0
};

/// A pickle's value and all that it is made of.
struct Pickle {
  std::deque<PickleNode> nodes;  // whose addresses stay
  const PickleNode* root = nullptr;
};

/// What a storage of this name holds; null when it is none.
inline const DType* storage_type(const std::string& name) {
  static const std::map<std::string, DType> types{
      {"torch FloatStorage", DType::F32},     {"torch DoubleStorage", DType::F64}, {"torch HalfStorage", DType::F16},
      {"torch BFloat16Storage", DType::BF16}, {"torch LongStorage", DType::I64},   {"torch IntStorage", DType::I32},
      {"torch ShortStorage", DType::I16},     {"torch CharStorage", DType::I8},    {"torch ByteStorage", DType::U8},
      {"torch BoolStorage", DType::BOOL}};
  const auto found = types.find(name);
  return found == types.end() ? nullptr : &found->second;
}

class PickleMachine {
 public:
  using Kind = PickleNode::Kind;
  static constexpr std::size_t most_nodes = std::size_t{1} << 20;  ///< some 140 MB

  PickleMachine(std::string_view code, const std::string& origin) : code_(code), origin_(origin) {}

  Pickle run() {
    while (step()) {
    }
    require(stack_.size() == 1 && marks_.empty(), "it does not end with one value");
    pickle_.root = stack_[0];
    return std::move(pickle_);
  }

 private:
  void require(bool holds, const char* problem) const {
    check<FormatError>(holds, origin_.c_str(), "is no pickle of tensors: ", problem);
  }

  // The code.
  std::string_view take(std::size_t bytes) {
    require(code_.size() - at_ >= bytes, "it is cut off");
    at_ += bytes;
    return code_.substr(at_ - bytes, bytes);
  }
  std::uint32_t number(std::size_t bytes) { return little_endian(take(bytes), 0, bytes); }
  std::string line() {
    const auto end = code_.find('\n', at_);
    require(end != std::string_view::npos, "it is cut off");
    std::string text(take(end - at_));
    take(1);
    return text;
  }

  // The stack.
  PickleNode* push(PickleNode node) {
    require(pickle_.nodes.size() < most_nodes, "it has more values than a file of weights needs");
    pickle_.nodes.push_back(std::move(node));
    stack_.push_back(&pickle_.nodes.back());
    return stack_.back();
  }
  PickleNode* pop() {
    require(stack_.size() > (marks_.empty() ? 0 : marks_.back()), "a value is missing");
    PickleNode* const top = stack_.back();
    stack_.pop_back();
    return top;
  }
  PickleNode* pop(Kind kind, const char* problem) {
    PickleNode* const top = pop();
    require(top->kind == kind, problem);
    return top;
  }
  std::vector<const PickleNode*> pop_to_mark() {
    require(!marks_.empty(), "a mark is missing");
    const auto begin = stack_.begin() + static_cast<std::ptrdiff_t>(marks_.back());
    std::vector<const PickleNode*> items(begin, stack_.end());
    stack_.erase(begin, stack_.end());
    marks_.pop_back();
    return items;
  }
  PickleNode* top(Kind kind, const char* problem) {
    PickleNode* const last = pop(kind, problem);
    stack_.push_back(last);
    return last;
  }
  void push_integer(std::int64_t value) { push({.kind = Kind::integer, .integer = value}); }
  void push_text(std::size_t bytes) { push({.kind = Kind::text, .text = std::string(take(bytes))}); }
  void push_tuple(std::size_t count) {
    std::vector<const PickleNode*> items(count);
    for (std::size_t i = count; i-- > 0;) items[i] = pop();
    push({.kind = Kind::tuple, .items = std::move(items)});
  }
  void remember(std::uint32_t place) {
    memory_[place] = pop();
    stack_.push_back(memory_[place]);
  }
  void recall(std::uint32_t place) {
    const auto found = memory_.find(place);
    require(found != memory_.end(), "it recalls what it did not remember");
    stack_.push_back(found->second);
  }
  void extend(Kind kind, const std::vector<const PickleNode*>& items, const char* problem) {
    auto& all = top(kind, problem)->items;
    all.insert(all.end(), items.begin(), items.end());
  }
  void set_items(const std::vector<const PickleNode*>& items) {
    require(items.size() % 2 == 0, "a key has no value");
    extend(Kind::dict, items, "it sets items of what is no dict");
  }

  /// Pushes the value that an instruction holds; false when it holds none.
  bool push_value(unsigned char code) {
    switch (code) {
      case 'N':
        return push({}), true;
      case 0x88:
      case 0x89:
        return push({.kind = Kind::boolean, .integer = code == 0x88}), true;
      case 'J':
        return push_integer(std::bit_cast<std::int32_t>(number(4))), true;
      case 'K':
        return push_integer(number(1)), true;
      case 'M':
        return push_integer(number(2)), true;
      case 0x8A:
        return push_integer(long_number()), true;
      case 'G':
        return push({.kind = Kind::real, .real = real_number()}), true;
      case 'X':
      case 'T':
        return push_text(number(4)), true;
      case 'U':
        return push_text(number(1)), true;
      default:
        return false;
    }
  }

  /// One instruction; false after the last.
  bool step() {
    const auto code = static_cast<unsigned char>(take(1)[0]);
    switch (code) {
      case 0x80:  // PROTO
        return require(number(1) == 2, "it is not of protocol 2"), true;
      case '.':
        return false;
      case '(':
        return marks_.push_back(stack_.size()), true;
      case ']':
        return push({.kind = Kind::list}), true;
      case '}':
        return push({.kind = Kind::dict}), true;
      case ')':
      case 0x85:
      case 0x86:
      case 0x87:
        return push_tuple(code == ')' ? 0 : code - 0x84u), true;
      case 't':
        return push_marked_tuple(), true;
      case 'a':
        return append(), true;
      case 'e':
        return append_marked(), true;
      case 's':
        return set_item(), true;
      case 'u':
        return set_marked(), true;
      case 'q':
        return remember(number(1)), true;
      case 'r':
        return remember(number(4)), true;
      case 'h':
        return recall(number(1)), true;
      case 'j':
        return recall(number(4)), true;
      case 'c':
        return push_name(), true;
      case 'Q':
        return push_storage(), true;
      case 'R':
        return make(), true;
      case 'b':
        return build(), true;
      default:
        check<FormatError>(push_value(code), origin_.c_str(), "is no pickle of tensors: its instruction ", +code,
                           " is none that torch.save writes for them");
        return true;
    }
  }

  std::int64_t long_number() {
    const std::size_t bytes = number(1);
    require(bytes <= 8, "a whole number is too long");
    const std::string_view digits = take(bytes);
    std::uint64_t value = bytes > 0 && static_cast<signed char>(digits.back()) < 0 ? ~std::uint64_t{0} : 0;
    for (std::size_t i = bytes; i-- > 0;) value = value << 8 | static_cast<unsigned char>(digits[i]);
    return std::bit_cast<std::int64_t>(value);
  }
  double real_number() {
    const std::string_view digits = take(8);
    return std::bit_cast<double>(std::uint64_t{big_endian(digits, 0, 4)} << 32 | big_endian(digits, 4, 4));
  }
  void push_marked_tuple() {
    auto items = pop_to_mark();
    push({.kind = Kind::tuple, .items = std::move(items)});
  }
  void append() {
    const PickleNode* const item = pop();
    extend(Kind::list, {item}, "it appends to what is no list");
  }
  void append_marked() {
    const auto items = pop_to_mark();
    extend(Kind::list, items, "it appends to what is no list");
  }
  void set_item() {
    const PickleNode *const value = pop(), *const key = pop();
    set_items({key, value});
  }
  void set_marked() {
    const auto items = pop_to_mark();
    set_items(items);
  }

  void push_name() {
    const std::string from = line(), name = line(), full = from + " " + name;
    check<FormatError>(
        full == ordered_dict || full == rebuild_tensor || full == rebuild_parameter || storage_type(full),
        origin_.c_str(), "asks for '", from, ".", name,
        "', which is refused: only tensors, numbers, texts, lists, tuples and dicts are read");
    push({.kind = Kind::name, .text = full});
  }

  /// A persistent id: ("storage", type, key, device, elements).
  void push_storage() {
    const auto& id = pop(Kind::tuple, "a storage is not described by a tuple")->items;
    require(id.size() == 5 && id[0]->text == "storage" && id[1]->kind == Kind::name && id[2]->kind == Kind::text &&
                id[4]->kind == Kind::integer && id[4]->integer >= 0,
            "a storage is not described as torch does");
    const DType* const type = storage_type(id[1]->text);
    require(type != nullptr, "a storage has no known type");
    push({.kind = Kind::storage, .integer = id[4]->integer, .dtype = *type, .key = id[2]});
  }

  /// What the functions of the known names make of their arguments.
  void make() {
    const auto& arguments = pop(Kind::tuple, "a function's arguments are no tuple")->items;
    const std::string& name = pop(Kind::name, "it calls what is no function")->text;
    if (name == ordered_dict) {
      require(arguments.empty(), "an OrderedDict has arguments");
      push({.kind = Kind::dict});
    } else if (name == rebuild_tensor) {
      require(arguments.size() >= 6 && arguments[0]->kind == Kind::storage && arguments[1]->kind == Kind::integer &&
                  arguments[1]->integer >= 0,
              "a tensor is not described as torch does");
      push({.kind = Kind::tensor,
            .storage = arguments[0],
            .offset = arguments[1]->integer,
            .shape = extents(arguments[2]),
            .strides = extents(arguments[3])});
    } else {
      require(name == rebuild_parameter && !arguments.empty() && arguments[0]->kind == Kind::tensor,
              "it calls what is no function");
      push(*arguments[0]);
    }
  }

  const PickleNode* extents(const PickleNode* tuple) const {
    require(tuple->kind == Kind::tuple && tuple->items.size() <= 32, "a tensor's shape is no tuple");
    for (const PickleNode* const item : tuple->items)
      require(item->kind == Kind::integer && item->integer >= 0, "a tensor's shape is not of numbers from 0");
    return tuple;
  }

  /// Attributes that a state dict carries beside its items (`_metadata`): not needed.
  void build() {
    pop();
    top(Kind::dict, "it gives attributes to what is no dict");
  }

  static constexpr const char* ordered_dict = "collections OrderedDict";
  static constexpr const char* rebuild_tensor = "torch._utils _rebuild_tensor_v2";
  static constexpr const char* rebuild_parameter = "torch._utils _rebuild_parameter";

  std::string_view code_;
  const std::string& origin_;
  std::size_t at_ = 0;
  Pickle pickle_;
  std::vector<PickleNode*> stack_;
  std::vector<std::size_t> marks_;
  std::map<std::uint32_t, PickleNode*> memory_;
};

}  // namespace paser::io::detail
#include "paser/core/macros_on.inc"
