// What a pickle holds, as inert data: a tree of values, in truth a graph, since a pickle may name
// one value in several places and even inside itself. The nodes lie in one Tree and are named by
// number, so sharing costs nothing and cycles leak nothing; who walks it bounds the walk.
//
// Nothing here was ever run: a class or function is its two names (Kind::global), an object the
// names of its class with what the file would have filled it with (Kind::record).
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/tensor.h"

namespace fluvox::imports {

enum class Kind : uint8_t {
  none,
  boolean,
  integer,
  big_integer,  // beyond 64 bits; its bytes are little-endian two's complement
  number,
  string,
  bytes,
  tuple,
  list,
  dict,
  ordered_dict,
  global,
  record,
  storage,
  tensor
};
const char* name_of(Kind kind);  // "a tuple"

// The memory behind tensors: `count` elements somewhere in the file, found by `key`. Files of old
// also have views of it, [first, first + size); elsewhere that is all of it.
struct StorageRef {
  std::string_view key;
  DType type = DType::f32;
  int64_t count = 0;
  int64_t first = 0, size = 0;
};

// Element (i, j, ...) lies at offset + i * stride[0] + j * stride[1] + ... of the whole storage.
// The reader has checked that every one of them lies inside.
struct TensorRef {
  const StorageRef* storage = nullptr;
  int64_t offset = 0;
  std::vector<int64_t> shape, stride;
};

using NodeId = uint32_t;

struct Node {
  Kind kind = Kind::none;
  int64_t integer = 0;  // boolean and integer; of storage and tensor the place in its table
  double number = 0;
  std::string_view text = {};  // of strings, bytes and big integers; a part of the file
  // tuple, list: the elements. dict: key, value, key, value... ordered_dict: its attributes, then
  // the same. global: module, name. record: class, arguments, state, dict of its entries.
  std::vector<NodeId> parts = {};
};

struct Tree {
  std::string where;  // the file's name, for messages
  std::deque<Node> nodes;
  std::deque<StorageRef> storages;
  std::deque<TensorRef> tensors;
  NodeId root = 0;
};

// A handle on one node, valid as long as the file that it came from. Asking a value for what it is
// not throws an Error that names the file and both kinds.
class Value {
 public:
  Value(const Tree& tree, NodeId id) : tree_(&tree), id_(id) {}

  NodeId id() const { return id_; }  // equal for one value reached by two ways
  Kind kind() const;
  bool is_none() const { return kind() == Kind::none; }
  bool is_dict() const { return kind() == Kind::dict || kind() == Kind::ordered_dict; }
  bool is_record() const { return kind() == Kind::record; }
  bool is_tensor() const { return kind() == Kind::tensor; }
  std::string describe() const;  // "a dictionary", "an object of the class glow.WaveGlow"

  bool boolean() const;
  int64_t integer() const;
  double number() const;  // of an integer too
  std::string_view string() const;
  std::string_view bytes() const;  // of bytes and of big integers

  // Elements of a tuple or list; pairs of a dictionary.
  size_t size() const;
  Value at(size_t index) const;  // of a tuple or list
  Value key(size_t index) const;
  Value value(size_t index) const;
  std::optional<Value> find(std::string_view key) const;  // in a dictionary, by a string
  Value get(std::string_view key) const;                  // the same; an Error where it is absent

  // A global, or the class of a record: "glow_old.WaveGlow" is module "glow_old", name "WaveGlow".
  std::string_view module_name() const;
  std::string_view name() const;
  std::string class_path() const;

  // Of a record. The state is None where the file gave none; entries are what a class derived from
  // a dictionary holds.
  Value arguments() const;
  Value state() const;  // of an ordered dictionary too: a state dict has its _metadata there
  Value entries() const;
  std::optional<Value> attribute(std::string_view name) const;  // of a state that is a dictionary

  const StorageRef& storage() const;
  const TensorRef& tensor() const;

 private:
  const Node& node() const;
  Value of(NodeId id) const { return {*tree_, id}; }
  const Node& expect(Kind kind) const;
  [[noreturn]] void mismatch(const char* expected) const;
  size_t first_pair() const;

  const Tree* tree_;
  NodeId id_;
};

}  // namespace fluvox::imports
