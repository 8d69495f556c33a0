#include "import/value.h"

#include "core/error.h"
#include "core/strict_json.h"

namespace fluvox::imports {

const char* name_of(Kind kind) {
  switch (kind) {
    case Kind::none:
      return "None";
    case Kind::boolean:
      return "a truth value";
    case Kind::integer:
      return "an integer";
    case Kind::big_integer:
      return "an integer beyond 64 bits";
    case Kind::number:
      return "a number";
    case Kind::string:
      return "a string";
    case Kind::bytes:
      return "bytes";
    case Kind::tuple:
      return "a tuple";
    case Kind::list:
      return "a list";
    case Kind::dict:
      return "a dictionary";
    case Kind::ordered_dict:
      return "an ordered dictionary";
    case Kind::global:
      return "a class or function";
    case Kind::record:
      return "an object";
    case Kind::storage:
      return "a storage";
    case Kind::tensor:
      return "a tensor";
  }
  return "nothing known";
}

const Node& Value::node() const { return tree_->nodes[id_]; }
Kind Value::kind() const { return node().kind; }

std::string Value::describe() const {
  if (kind() == Kind::record) return text("an object of the class ", in_quotes(class_path()));
  if (kind() == Kind::global) return text("the class or function ", in_quotes(class_path()));
  return name_of(kind());
}

void Value::mismatch(const char* expected) const {
  throw Error(Fault::input, "torch-structure",
              text(tree_->where, ": expected ", expected, ", found ", describe()));
}

const Node& Value::expect(Kind kind) const {
  if (node().kind != kind) mismatch(name_of(kind));
  return node();
}

bool Value::boolean() const { return expect(Kind::boolean).integer != 0; }
int64_t Value::integer() const { return expect(Kind::integer).integer; }

double Value::number() const {
  if (kind() == Kind::integer) return static_cast<double>(node().integer);
  return expect(Kind::number).number;
}

std::string_view Value::string() const { return expect(Kind::string).text; }

std::string_view Value::bytes() const {
  if (kind() == Kind::big_integer) return node().text;
  return expect(Kind::bytes).text;
}

size_t Value::first_pair() const {
  if (!is_dict()) mismatch("a dictionary");
  return kind() == Kind::ordered_dict ? 1 : 0;
}

size_t Value::size() const {
  if (kind() == Kind::tuple || kind() == Kind::list) return node().parts.size();
  if (!is_dict()) mismatch("a tuple, a list or a dictionary");
  return node().parts.size() / 2;  // the odd one out is an ordered dictionary's attributes
}

Value Value::at(size_t index) const {
  if (kind() != Kind::tuple && kind() != Kind::list) mismatch("a tuple or a list");
  if (index >= node().parts.size())
    throw Error(Fault::input, "torch-structure",
                text(tree_->where, ": expected more than ", index, " elements, found ", describe(),
                     " of ", node().parts.size()));
  return of(node().parts[index]);
}

Value Value::key(size_t index) const { return of(node().parts.at(first_pair() + 2 * index)); }
Value Value::value(size_t index) const { return of(node().parts.at(first_pair() + 2 * index + 1)); }

std::optional<Value> Value::find(std::string_view wanted) const {
  const std::vector<NodeId>& parts = node().parts;
  for (size_t i = first_pair(); i + 1 < parts.size(); i += 2) {
    const Node& key = tree_->nodes[parts[i]];
    if (key.kind == Kind::string && key.text == wanted) return of(parts[i + 1]);
  }
  return std::nullopt;
}

Value Value::get(std::string_view wanted) const {
  if (const std::optional<Value> found = find(wanted)) return *found;
  throw Error(Fault::input, "torch-structure",
              text(tree_->where, ": expected the key ", in_quotes(wanted), " in ", describe(),
                   " of ", size(), " entries"));
}

std::string_view Value::module_name() const {
  if (kind() == Kind::record) return of(node().parts[0]).module_name();
  return of(expect(Kind::global).parts[0]).string();
}

std::string_view Value::name() const {
  if (kind() == Kind::record) return of(node().parts[0]).name();
  return of(expect(Kind::global).parts[1]).string();
}

std::string Value::class_path() const {
  return std::string(module_name()) + "." + std::string(name());
}

Value Value::arguments() const { return of(expect(Kind::record).parts[1]); }

Value Value::state() const {
  if (kind() == Kind::ordered_dict) return of(node().parts[0]);
  return of(expect(Kind::record).parts[2]);
}

Value Value::entries() const { return of(expect(Kind::record).parts[3]); }

std::optional<Value> Value::attribute(std::string_view wanted) const {
  const Value attributes = state();
  return attributes.is_dict() ? attributes.find(wanted) : std::nullopt;
}

const StorageRef& Value::storage() const {
  return tree_->storages[static_cast<size_t>(expect(Kind::storage).integer)];
}

const TensorRef& Value::tensor() const {
  return tree_->tensors[static_cast<size_t>(expect(Kind::tensor).integer)];
}

}  // namespace fluvox::imports
