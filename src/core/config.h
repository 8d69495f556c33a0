// Configuration: a struct names its fields once, and reading, writing and help all come from that.
//
//   struct Coupling { int channels = 8; std::string scale = "exp"; };
//   template <class Visitor> void fields(Visitor& v, Coupling& c) {
//     v("channels", c.channels, "channels of the step", Range{2, 65536});
//     v("scale", c.scale, "how the log-scale is bounded", OneOf{"exp", "tanh"});
//   }
//   auto c = from_json<Coupling>(json, "steps.3");   // unknown keys are refused with the nearest
//   name Json j = to_json(c);                             // every field, in order
//
// A field absent from the input keeps its default. TOML is turned into JSON first (core/toml.h).
#pragma once

#include <algorithm>
#include <cstdint>
#include <initializer_list>
#include <nlohmann/json.hpp>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "core/error.h"
#include "core/nearest.h"

namespace fluvox {

using Json = nlohmann::ordered_json;

struct Anything {};
struct Range {
  double least, most;
};
struct OneOf {
  OneOf(std::initializer_list<std::string> allowed) : names(allowed) {}
  std::vector<std::string> names;
};

namespace config {

[[noreturn]] inline void refuse(const std::string& where, const std::string& what) {
  throw Error(Fault::input, "config-invalid", text(where, ": ", what));
}

template <class T>
void check(const std::string&, const T&, Anything) {}

template <class T>
void check(const std::string& where, const T& value, Range range) {
  const auto number = static_cast<double>(value);
  if (!(number >= range.least && number <= range.most))
    refuse(where,
           text("expected a value from ", range.least, " to ", range.most, ", found ", value));
}

inline void check(const std::string& where, const std::string& value, const OneOf& choice) {
  std::string listed;
  for (const std::string& name : choice.names) {
    if (name == value) return;
    listed += (listed.empty() ? "" : ", ") + name;
  }
  refuse(where, text("expected one of ", listed, ", found '", value, "'",
                     did_you_mean(value, choice.names)));
}

template <class T>
struct IsList : std::false_type {};
template <class T>
struct IsList<std::vector<T>> : std::true_type {};

template <class T>
const char* kind() {
  if constexpr (std::is_same_v<T, bool>) return "true or false";
  if constexpr (std::is_same_v<T, std::string>) return "a string";
  if constexpr (std::is_integral_v<T>) return "a whole number";
  if constexpr (std::is_floating_point_v<T>) return "a number";
  return "a list of values";
}

template <class T>
bool fits(const Json& json) {
  if constexpr (std::is_same_v<T, bool>) return json.is_boolean();
  if constexpr (std::is_same_v<T, std::string>) return json.is_string();
  if constexpr (std::is_floating_point_v<T>) return json.is_number();
  if constexpr (std::is_integral_v<T>) return json.is_number_integer();
  if constexpr (IsList<T>::value) return json.is_array();
  return true;
}

// One value, or a list of them each read by the same rules: nothing is wrapped or rounded to fit.
template <class T>
void read(const Json& json, const std::string& place, T& value) {
  const auto shown = [&] {
    return json.dump(-1, ' ', false, Json::error_handler_t::replace).substr(0, 80);
  };
  if (!fits<T>(json)) refuse(place, text("expected ", kind<T>(), ", found ", shown()));
  if constexpr (std::is_integral_v<T> && !std::is_same_v<T, bool>) {
    const bool in_range = json.is_number_unsigned() ? std::in_range<T>(json.get<uint64_t>())
                                                    : std::in_range<T>(json.get<int64_t>());
    if (!in_range) refuse(place, text("the number ", shown(), " is out of range"));
  }
  if constexpr (IsList<T>::value) {
    value.clear();
    for (const Json& element : json) {
      typename T::value_type one{};
      read(element, text(place, ".", value.size()), one);
      value.push_back(std::move(one));
    }
  } else {
    try {
      value = json.get<T>();
    } catch (const nlohmann::json::exception&) {
      refuse(place, text("expected ", kind<T>(), ", found ", shown()));
    }
  }
}

class Reader {
 public:
  Reader(const Json& json, std::string where) : json_(json), where_(std::move(where)) {
    if (!json_.is_object()) refuse(where_, "expected an object of named values");
  }

  template <class T, class Check = Anything>
  void operator()(const std::string& name, T& value, const char* /*help*/, Check rule = {}) {
    known_.push_back(name);
    const auto found = json_.find(name);
    if (found == json_.end()) return;
    const std::string place = where_.empty() ? name : where_ + "." + name;
    config::read(*found, place, value);
    check(place, value, rule);
  }

  void refuse_unknown() const {
    for (const auto& [key, value] : json_.items())
      if (std::find(known_.begin(), known_.end(), key) == known_.end())
        refuse(
            where_.empty() ? "configuration" : where_,
            text("unknown key '", key.substr(0, 80), "'", did_you_mean(key.substr(0, 80), known_)));
  }

 private:
  const Json& json_;
  std::string where_;
  std::vector<std::string> known_;
};

class Writer {
 public:
  template <class T, class Check = Anything>
  void operator()(const std::string& name, T& value, const char* /*help*/, const Check& = {}) {
    json[name] = value;
  }
  Json json = Json::object();
};

// One line a field: "name = default   help".
class Describer {
 public:
  template <class T, class Check = Anything>
  void operator()(const std::string& name, T& value, const char* help, const Check& = {}) {
    std::string line = text("  ", name, " = ", Json(value).dump());
    if (line.size() < 34) line.resize(34, ' ');
    lines += line + "  " + help + "\n";
  }
  std::string lines;
};

}  // namespace config

template <class T>
T from_json(const Json& json, const std::string& where) {
  T value;
  config::Reader reader(json, where);
  fields(reader, value);
  reader.refuse_unknown();
  return value;
}

template <class T>
Json to_json(T value) {
  config::Writer writer;
  fields(writer, value);
  return writer.json;
}

// A part of a model is an object with a "kind" beside its own fields: {"kind": "squeeze", "group":
// 8}.
inline std::string kind_of(const Json& json, const std::string& where) {
  if (!json.is_object() || !json.contains("kind") || !json["kind"].is_string())
    config::refuse(where, "expected an object with a \"kind\", found " + json.dump().substr(0, 80));
  return json["kind"].get<std::string>();
}

template <class T>
T part_from_json(Json json, const std::string& where) {
  kind_of(json, where);
  json.erase("kind");
  return from_json<T>(json, where);
}

// Not by braces, nor from null: where memory ends within, the one loses what it has begun, and the
// other is left an object that has none.
inline Json part_to_json(const std::string& kind) {
  Json json = Json::object();
  json["kind"] = kind;
  return json;
}

template <class T>
Json part_to_json(const std::string& kind, const T& value) {
  Json json = part_to_json(kind);
  json.update(to_json(value));
  return json;
}

template <class T>
std::string describe_fields(T value = {}) {
  config::Describer describer;
  fields(describer, value);
  return describer.lines;
}

}  // namespace fluvox
