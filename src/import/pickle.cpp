#include "import/pickle.h"

#include <bit>
#include <charconv>
#include <unordered_map>
#include <utility>

#include "core/error.h"
#include "core/strict_json.h"
#include "import/little_endian.h"
#include "import/pickle_calls.h"
#include "import/pickle_opcodes.h"
#include "import/tree_builder.h"

namespace fluvox::imports {
namespace {

// Of the stack and of the memo. Picklers write containers in batches of a thousand; only a tuple
// puts all of its elements on the stack.
constexpr size_t kMostHeld = 1'000'000;
constexpr int kNewestProtocol = 5;

class Machine {
 public:
  Machine(std::string_view bytes, size_t start, Tree& tree)
      : bytes_(bytes), start_(start), at_(start), build_(tree) {}

  // Runs to STOP; where the reading ended.
  size_t run() {
    while (true) {
      const size_t offset = at_;
      build_.at(offset, "end of file");
      const auto opcode = static_cast<Opcode>(number(1));
      build_.at(offset, name_of(opcode));
      if (opcode == Opcode::stop) break;
      if (!put_constant(opcode) && !put_container(opcode) && !use_memo(opcode)) act(opcode, offset);
    }
    build_.tree().root = pop();
    if (!stack_.empty() || !marks_.empty())
      build_.malformed(text(stack_.size() + marks_.size(), " values are left over"));
    build_.check_whole();
    return at_;
  }

 private:
  // The bytes of the file.
  std::string_view take(uint64_t count) {
    if (count > bytes_.size() - at_)
      build_.fail("pickle-truncated", text("the file ends within it: ", count, " bytes needed, ",
                                           bytes_.size() - at_, " left"));
    const std::string_view taken = bytes_.substr(at_, static_cast<size_t>(count));
    at_ += taken.size();
    return taken;
  }
  uint64_t number(size_t width) { return little_endian(take(width)); }
  std::string_view line() {
    const size_t end = bytes_.find('\n', at_);
    if (end == std::string_view::npos)
      build_.fail("pickle-truncated", "the file ends within its line");
    const std::string_view read = take(end - at_);
    ++at_;
    return read;
  }

  // The stack.
  void push(NodeId id) {
    if (stack_.size() == kMostHeld)
      build_.fail("pickle-limit", text("more than ", kMostHeld, " values on the stack"));
    stack_.push_back(id);
  }
  void require(size_t count) const {
    const size_t floor = marks_.empty() ? 0 : marks_.back();
    if (stack_.size() - floor < count) build_.malformed("the stack holds too few values for it");
  }
  NodeId pop() {
    require(1);
    const NodeId id = stack_.back();
    stack_.pop_back();
    return id;
  }
  NodeId top() const {
    require(1);
    return stack_.back();
  }
  std::vector<NodeId> pop_last(size_t count) {
    require(count);
    std::vector<NodeId> taken(stack_.end() - static_cast<std::ptrdiff_t>(count), stack_.end());
    stack_.resize(stack_.size() - count);
    return taken;
  }
  std::vector<NodeId> pop_to_mark() {
    if (marks_.empty()) build_.malformed("no MARK stands before it");
    std::vector<NodeId> taken = pop_last(stack_.size() - marks_.back());
    marks_.pop_back();
    return taken;
  }

  // Values that stand in the file itself.
  bool put_constant(Opcode opcode) {
    switch (opcode) {
      case Opcode::none:
        push(TreeBuilder::kNone);
        return true;
      case Opcode::new_true:
        push(TreeBuilder::kTrue);
        return true;
      case Opcode::new_false:
        push(TreeBuilder::kFalse);
        return true;
      case Opcode::bin_int:
        push(build_.integer(static_cast<int32_t>(number(4))));
        return true;
      case Opcode::bin_int1:
        push(build_.integer(static_cast<int64_t>(number(1))));
        return true;
      case Opcode::bin_int2:
        push(build_.integer(static_cast<int64_t>(number(2))));
        return true;
      case Opcode::long1:
        push_long(take(number(1)));
        return true;
      case Opcode::long4:
        push_long(take(number(4)));  // a negative length is one beyond the file
        return true;
      case Opcode::int_text:
      case Opcode::long_text:
        push_decimal(line());
        return true;
      case Opcode::float_text:
        push_float(line());
        return true;
      case Opcode::bin_float: {
        std::string swapped(take(8));
        std::swap_ranges(swapped.begin(), swapped.begin() + 4, swapped.rbegin());
        push(build_.add({Kind::number, 0, std::bit_cast<double>(little_endian(swapped))}));
        return true;
      }
      case Opcode::string_text:
      case Opcode::unicode_text:
        push_line(opcode);
        return true;
      case Opcode::short_bin_string:
      case Opcode::short_bin_unicode:
        push(build_.string(take(number(1))));
        return true;
      case Opcode::bin_string:
      case Opcode::bin_unicode:
        push(build_.string(take(number(4))));
        return true;
      case Opcode::bin_unicode8:
        push(build_.string(take(number(8))));
        return true;
      case Opcode::short_bin_bytes:
        push(build_.string(take(number(1)), Kind::bytes));
        return true;
      case Opcode::bin_bytes:
        push(build_.string(take(number(4)), Kind::bytes));
        return true;
      case Opcode::bin_bytes8:
      case Opcode::byte_array8:
        push(build_.string(take(number(8)), Kind::bytes));
        return true;
      default:
        return false;
    }
  }

  void push_long(std::string_view digits) {
    if (digits.size() > 8) return push(build_.string(digits, Kind::big_integer));
    uint64_t value = little_endian(digits);
    const size_t bits = digits.size() * 8;
    if (bits > 0 && bits < 64 && (value >> (bits - 1) & 1) != 0) value |= ~uint64_t{0} << bits;
    push(build_.integer(static_cast<int64_t>(value)));
  }

  void push_decimal(std::string_view digits) {
    if (digits == "00" || digits == "01")
      return push(digits == "01" ? TreeBuilder::kTrue : TreeBuilder::kFalse);
    if (!digits.empty() && digits.back() == 'L') digits.remove_suffix(1);
    push(build_.integer(parsed<int64_t>(digits, "a decimal integer of at most 64 bits")));
  }
  void push_float(std::string_view digits) {
    push(build_.add({Kind::number, 0, parsed<double>(digits, "a decimal number")}));
  }
  template <class Number>
  Number parsed(std::string_view digits, const char* expected) const {
    Number value{};
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    if (error != std::errc() || end != digits.data() + digits.size() || digits.empty())
      build_.malformed(text("expected ", expected, ", found ", in_quotes(digits)));
    return value;
  }

  // STRING stands in quotes. Escapes are of protocol 0, which PyTorch never writes.
  void push_line(Opcode opcode) {
    std::string_view read = line();
    if (read.find('\\') != std::string_view::npos) build_.malformed("holds an escape");
    if (opcode == Opcode::string_text) {
      if (read.size() < 2 || read.front() != read.back() || (read[0] != '\'' && read[0] != '"'))
        build_.malformed("expected a string in quotes");
      read = read.substr(1, read.size() - 2);
    }
    push(build_.string(read));
  }

  bool put_container(Opcode opcode) {
    switch (opcode) {
      case Opcode::empty_tuple:
        push(build_.add({Kind::tuple}));
        return true;
      case Opcode::tuple1:
      case Opcode::tuple2:
      case Opcode::tuple3: {
        const auto count = static_cast<size_t>(opcode) - static_cast<size_t>(Opcode::tuple1) + 1;
        push(build_.add({Kind::tuple, 0, 0, {}, pop_last(count)}));
        return true;
      }
      case Opcode::tuple:
        push(build_.add({Kind::tuple, 0, 0, {}, pop_to_mark()}));
        return true;
      case Opcode::empty_list:
        push(build_.add({Kind::list}));
        return true;
      case Opcode::list:
        push(build_.add({Kind::list, 0, 0, {}, pop_to_mark()}));
        return true;
      case Opcode::empty_dict:
        push(build_.add({Kind::dict}));
        return true;
      case Opcode::dict: {
        const std::vector<NodeId> pairs = pop_to_mark();
        push(build_.add({Kind::dict}));
        set_items(pairs);
        return true;
      }
      case Opcode::empty_set:
        push_empty_set();
        return true;
      case Opcode::append: {
        const NodeId value = pop();
        build_.append(list_on_top(), value);
        return true;
      }
      case Opcode::appends: {
        const std::vector<NodeId> values = pop_to_mark();
        for (const NodeId value : values) build_.append(list_on_top(), value);
        return true;
      }
      case Opcode::set_item:
        set_items(pop_last(2));
        return true;
      case Opcode::set_items:
        set_items(pop_to_mark());
        return true;
      case Opcode::add_items: {
        const std::vector<NodeId> values = pop_to_mark();
        for (const NodeId value : values) build_.append(list_of_set(), value);
        return true;
      }
      default:
        return false;
    }
  }

  NodeId list_on_top() const {
    if (build_.node(top()).kind != Kind::list)
      build_.malformed(text("expected a list, found ", build_.value(top()).describe()));
    return top();
  }

  // A set is the record of the call set([...]), as older protocols have it.
  void push_empty_set() {
    const NodeId module = build_.string("builtins"), name = build_.string("set");
    const NodeId global = build_.add({Kind::global, 0, 0, {}, {module, name}});
    const NodeId list = build_.add({Kind::list});
    push(build_.record(global, build_.add({Kind::tuple, 0, 0, {}, {list}})));
  }
  NodeId list_of_set() const {
    const Value set = build_.value(top());
    if (!set.is_record() || set.class_path() != "builtins.set" || set.arguments().size() != 1 ||
        set.arguments().at(0).kind() != Kind::list)
      build_.malformed(text("expected a set, found ", set.describe()));
    return set.arguments().at(0).id();
  }

  // Into the dictionary on top, or into the record of a class derived from one.
  void set_items(const std::vector<NodeId>& pairs) {
    NodeId target = top();
    if (build_.node(target).kind == Kind::record) target = build_.value(target).entries().id();
    if (!build_.value(target).is_dict())
      build_.malformed(text("expected a dictionary, found ", build_.value(target).describe()));
    if (pairs.size() % 2 != 0) build_.malformed("a key without a value");
    for (size_t i = 0; i < pairs.size(); i += 2) build_.put(target, pairs[i], pairs[i + 1]);
  }

  bool use_memo(Opcode opcode) {
    switch (opcode) {
      case Opcode::memoize:
        remember(memo_.size());
        return true;
      case Opcode::put:
        remember(parsed<uint32_t>(line(), "the number of a memo"));
        return true;
      case Opcode::bin_put:
        remember(number(1));
        return true;
      case Opcode::long_bin_put:
        remember(number(4));
        return true;
      case Opcode::get:
        recall(parsed<uint32_t>(line(), "the number of a memo"));
        return true;
      case Opcode::bin_get:
        recall(number(1));
        return true;
      case Opcode::long_bin_get:
        recall(number(4));
        return true;
      default:
        return false;
    }
  }

  void remember(uint64_t slot) {
    if (memo_.size() == kMostHeld && !memo_.contains(slot))
      build_.fail("pickle-limit", text("more than ", kMostHeld, " values in the memo"));
    memo_[slot] = top();
  }
  void recall(uint64_t slot) {
    const auto found = memo_.find(slot);
    if (found == memo_.end()) build_.malformed(text("nothing was stored as memo ", slot));
    push(found->second);
  }

  // What would run code in Python, and the rest.
  void act(Opcode opcode, size_t offset) {
    switch (opcode) {
      case Opcode::proto: {
        const uint64_t version = number(1);
        if (offset != start_ || version > kNewestProtocol)
          build_.malformed(text("version ", version, "; known are 0 to ", kNewestProtocol,
                                ", at the start only"));
        return;
      }
      case Opcode::frame:
        if (number(8) > bytes_.size() - at_)
          build_.fail("pickle-truncated", "the file ends within the frame");
        return;
      case Opcode::mark:
        if (marks_.size() == kMostHeld)
          build_.fail("pickle-limit", text("more than ", kMostHeld, " open marks"));
        return marks_.push_back(stack_.size());
      case Opcode::pop:
        // As in Python: a mark on top is what goes.
        if (!marks_.empty() && marks_.back() == stack_.size()) return marks_.pop_back();
        pop();
        return;
      case Opcode::pop_mark:
        pop_to_mark();
        return;
      case Opcode::dup:
        return push(top());
      case Opcode::global: {
        const NodeId module = build_.string(line());
        return push_global(module, build_.string(line()));
      }
      case Opcode::stack_global: {
        const std::vector<NodeId> names = pop_last(2);
        return push_global(names[0], names[1]);
      }
      case Opcode::bin_persid:
        return push(persistent(build_, pop()));
      case Opcode::reduce: {
        const std::vector<NodeId> parts = pop_last(2);
        return push(call(build_, parts[0], parts[1]));
      }
      case Opcode::new_obj: {
        const std::vector<NodeId> parts = pop_last(2);
        if (build_.node(parts[0]).kind != Kind::global || build_.node(parts[1]).kind != Kind::tuple)
          build_.malformed("expected a class and a tuple, found " +
                           build_.value(parts[0]).describe() + " and " +
                           build_.value(parts[1]).describe());
        return push(build_.record(parts[0], parts[1]));
      }
      case Opcode::build:
        return set_state();
      default:
        build_.fail("pickle-refused", text("the instruction ", static_cast<int>(opcode),
                                           " is none that a model file needs; nothing was run"));
    }
  }

  void push_global(NodeId module, NodeId name) {
    if (build_.node(module).kind != Kind::string || build_.node(name).kind != Kind::string)
      build_.malformed("expected two strings, the name of a module and in it");
    push(build_.add({Kind::global, 0, 0, {}, {module, name}}));
  }

  // Python would call __setstate__; here the state is kept beside the rest.
  void set_state() {
    const NodeId state = pop();
    Node& target = build_.node(top());
    if (target.kind == Kind::record)
      target.parts[2] = state;
    else if (target.kind == Kind::ordered_dict)
      target.parts[0] = state;
    else
      build_.fail("pickle-refused", text("the file asks to set the state of ",
                                         build_.value(top()).describe(), ", which has none"));
  }

  std::string_view bytes_;
  size_t start_, at_;
  TreeBuilder build_;
  std::vector<NodeId> stack_;
  std::vector<size_t> marks_;
  std::unordered_map<uint64_t, NodeId> memo_;
};

}  // namespace

Pickle read_pickle(std::string_view bytes, size_t start, const std::string& where) {
  Pickle pickle;
  pickle.tree.where = where;
  pickle.end = Machine(bytes, start, pickle.tree).run();
  return pickle;
}

}  // namespace fluvox::imports
