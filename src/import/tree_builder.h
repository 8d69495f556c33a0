// Adds nodes to a tree, counts them against the limit, and says where in the pickle it was.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "import/value.h"

namespace fluvox::imports {

class TreeBuilder {
 public:
  static constexpr NodeId kNone = 0, kFalse = 1, kTrue = 2;  // there from the start

  explicit TreeBuilder(Tree& tree);

  // The instruction that runs, for messages.
  void at(size_t offset, const char* opcode);
  [[noreturn]] void fail(const char* code, const std::string& what) const;
  [[noreturn]] void malformed(const std::string& what) const { fail("pickle-invalid", what); }

  NodeId add(Node node);
  NodeId integer(int64_t value);
  NodeId string(std::string_view text, Kind kind = Kind::string);
  NodeId record(NodeId global, NodeId arguments);
  void append(NodeId list, NodeId value);
  void put(NodeId dictionary, NodeId key, NodeId value);
  void charge(size_t slots);  // for what is kept outside of the nodes

  const Node& node(NodeId id) const { return tree_.nodes[id]; }
  Node& node(NodeId id) { return tree_.nodes[id]; }
  Value value(NodeId id) const { return {tree_, id}; }
  Tree& tree() { return tree_; }

  // Nothing nested beyond reason, no string twice as a key of one dictionary.
  void check_whole() const;

 private:
  void check_depth() const;
  void check_keys() const;

  Tree& tree_;
  size_t spent_ = 0;
  size_t offset_ = 0;
  const char* opcode_ = "";
};

}  // namespace fluvox::imports
