#include "import/pickle.h"

#include <optional>
#include <utility>
#include <vector>

#include "core/error.h"
#include "import/pickle_calls.h"
#include "import/pickle_constants.h"
#include "import/pickle_opcodes.h"
#include "import/tree_builder.h"

namespace fluvox::imports {
namespace {

// Of the stack and of the memo. Picklers write containers in batches of a thousand; only a tuple
// puts all of its elements on the stack.
constexpr size_t kMostHeld = 1'000'000;
constexpr int kNewestProtocol = 5;
constexpr NodeId kUnset = ~NodeId{0};

class Machine {
 public:
  Machine(std::string_view bytes, size_t start, Tree& tree)
      : start_(start), build_(tree), cursor_(bytes, start, build_) {}

  // Runs to STOP; where the reading ended.
  size_t run() {
    while (true) {
      const size_t offset = cursor_.at();
      build_.at(offset, "end of file");
      const auto opcode = static_cast<Opcode>(cursor_.number(1));
      build_.at(offset, name_of(opcode));
      if (opcode == Opcode::stop) break;
      if (const std::optional<NodeId> constant = read_constant(opcode, cursor_, build_))
        push(*constant);
      else if (!put_container(opcode) && !use_memo(opcode))
        act(opcode, offset);
    }
    build_.tree().root = pop();
    if (!stack_.empty() || !marks_.empty())
      build_.malformed(text(stack_.size() + marks_.size(), " values are left over"));
    build_.check_whole();
    return cursor_.at();
  }

 private:
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
        const NodeId list = list_on_top();
        for (const NodeId value : values) build_.append(list, value);
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
        const NodeId list = list_of_set();
        for (const NodeId value : values) build_.append(list, value);
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
        remember(remembered_);
        return true;
      case Opcode::put:
        remember(parsed<uint32_t>(cursor_.line(), build_, "the number of a memo"));
        return true;
      case Opcode::bin_put:
        remember(cursor_.number(1));
        return true;
      case Opcode::long_bin_put:
        remember(cursor_.number(4));
        return true;
      case Opcode::get:
        recall(parsed<uint32_t>(cursor_.line(), build_, "the number of a memo"));
        return true;
      case Opcode::bin_get:
        recall(cursor_.number(1));
        return true;
      case Opcode::long_bin_get:
        recall(cursor_.number(4));
        return true;
      default:
        return false;
    }
  }

  void remember(uint64_t slot) {
    if (slot >= kMostHeld)
      build_.fail("pickle-limit", text("memo ", slot, "; at most ", kMostHeld, " are needed"));
    if (slot >= memo_.size()) memo_.resize(slot + 1, kUnset);
    if (memo_[slot] == kUnset) ++remembered_;
    memo_[slot] = top();
  }
  void recall(uint64_t slot) {
    if (slot >= memo_.size() || memo_[slot] == kUnset)
      build_.malformed(text("nothing was stored as memo ", slot));
    push(memo_[slot]);
  }

  // What would run code in Python, and the rest.
  void act(Opcode opcode, size_t offset) {
    switch (opcode) {
      case Opcode::proto: {
        const uint64_t version = cursor_.number(1);
        if (offset != start_ || version > kNewestProtocol)
          build_.malformed(text("version ", version, "; known are 0 to ", kNewestProtocol,
                                ", at the start only"));
        return;
      }
      case Opcode::frame:
        return cursor_.check_left(cursor_.number(8));
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
        const NodeId module = build_.string(cursor_.line());
        return push_global(module, build_.string(cursor_.line()));
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

  size_t start_;
  TreeBuilder build_;
  PickleCursor cursor_;
  std::vector<NodeId> stack_;
  std::vector<size_t> marks_;
  std::vector<NodeId> memo_;
  size_t remembered_ = 0;
};

}  // namespace

Pickle read_pickle(std::string_view bytes, size_t start, const std::string& where) {
  Pickle pickle;
  pickle.tree.where = where;
  pickle.end = Machine(bytes, start, pickle.tree).run();
  return pickle;
}

}  // namespace fluvox::imports
