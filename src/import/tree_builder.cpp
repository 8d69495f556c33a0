#include "import/tree_builder.h"

#include <algorithm>
#include <utility>

#include "core/error.h"
#include "core/strict_json.h"
#include "import/pickle.h"

namespace fluvox::imports {
namespace {

constexpr size_t kMostDepth = 1000;

bool hashable(Kind kind) {
  return kind != Kind::list && kind != Kind::dict && kind != Kind::ordered_dict;
}

}  // namespace

TreeBuilder::TreeBuilder(Tree& tree) : tree_(tree) {
  add({Kind::none});
  add({Kind::boolean, 0});
  add({Kind::boolean, 1});
}

void TreeBuilder::at(size_t offset, const char* opcode) {
  offset_ = offset;
  opcode_ = opcode;
}

void TreeBuilder::fail(const char* code, const std::string& what) const {
  throw Error(Fault::input, code,
              text(tree_.where, ": byte ", offset_, " (", opcode_, "): ", what));
}

void TreeBuilder::charge(size_t slots) {
  if (slots > kMostNodes - spent_)
    fail("pickle-limit", text("more than ", kMostNodes, " values, which no model file needs"));
  spent_ += slots;
}

NodeId TreeBuilder::add(Node node) {
  charge(1 + node.parts.size());
  tree_.nodes.push_back(std::move(node));
  return static_cast<NodeId>(tree_.nodes.size() - 1);
}

NodeId TreeBuilder::integer(int64_t value) { return add({Kind::integer, value}); }

NodeId TreeBuilder::string(std::string_view text, Kind kind) { return add({kind, 0, 0, text}); }

NodeId TreeBuilder::record(NodeId global, NodeId arguments) {
  const NodeId entries = add({Kind::dict});
  return add({Kind::record, 0, 0, {}, {global, arguments, kNone, entries}});
}

void TreeBuilder::append(NodeId list, NodeId value) {
  charge(1);
  node(list).parts.push_back(value);
}

void TreeBuilder::put(NodeId dictionary, NodeId key, NodeId value) {
  if (!hashable(node(key).kind))
    malformed(text(name_of(node(key).kind), " cannot be the key of a dictionary"));
  append(dictionary, key);
  append(dictionary, value);
}

void TreeBuilder::check_whole() const {
  check_depth();
  check_keys();
}

// Depth first, each node once; a stack of our own, as the file decides how deep it goes.
void TreeBuilder::check_depth() const {
  struct Place {
    NodeId id;
    size_t next;
  };
  std::vector<bool> seen(tree_.nodes.size());
  std::vector<Place> path = {{tree_.root, 0}};
  seen[tree_.root] = true;
  while (!path.empty()) {
    Place& place = path.back();
    const std::vector<NodeId>& parts = node(place.id).parts;
    if (place.next == parts.size()) {
      path.pop_back();
      continue;
    }
    const NodeId child = parts[place.next++];
    if (seen[child]) continue;
    seen[child] = true;
    if (path.size() == kMostDepth)
      fail("pickle-limit", text("values nested more than ", kMostDepth, " deep"));
    path.push_back({child, 0});
  }
}

// Readers disagree on which of two equal keys counts. Equal strings get one number first, so that
// a long key shared by many dictionaries is compared once and not in each of them.
void TreeBuilder::check_keys() const {
  std::vector<NodeId> strings;
  for (NodeId id = 0; id < tree_.nodes.size(); ++id)
    if (node(id).kind == Kind::string) strings.push_back(id);
  std::sort(strings.begin(), strings.end(),
            [&](NodeId a, NodeId b) { return node(a).text < node(b).text; });
  std::vector<NodeId> same(tree_.nodes.size());
  for (size_t i = 0; i < strings.size(); ++i) {
    const bool repeats = i > 0 && node(strings[i - 1]).text == node(strings[i]).text;
    same[strings[i]] = repeats ? same[strings[i - 1]] : strings[i];
  }
  std::vector<NodeId> keys;
  for (const Node& dictionary : tree_.nodes) {
    if (dictionary.kind != Kind::dict && dictionary.kind != Kind::ordered_dict) continue;
    keys.clear();
    for (size_t i = dictionary.kind == Kind::ordered_dict ? 1 : 0; i < dictionary.parts.size();
         i += 2)
      if (const NodeId key = dictionary.parts[i]; node(key).kind == Kind::string)
        keys.push_back(same[key]);
    std::sort(keys.begin(), keys.end());
    const auto twice = std::adjacent_find(keys.begin(), keys.end());
    if (twice != keys.end())
      malformed(text("a dictionary has the key ", in_quotes(node(*twice).text), " twice"));
  }
}

}  // namespace fluvox::imports
