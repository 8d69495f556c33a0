#include "core/strict_json.h"

#include <set>
#include <vector>

namespace fluvox {
namespace {

constexpr size_t kMaxLength = size_t{4} << 20;
constexpr int kMaxDepth = 64;
constexpr size_t kMaxNames = 4096;  // of one object, whose names are searched one after the other

}  // namespace

Json parse_json(std::string_view source, const std::string& where) {
  const auto refuse = [&](const std::string& what) {
    throw Error(Fault::input, "json-invalid", where + ": " + what);
  };
  if (source.size() > kMaxLength)
    refuse(text("expected at most ", kMaxLength, " bytes of JSON, found ", source.size()));
  // The parser would take it for the end.
  if (const size_t zero = source.find('\0'); zero != source.npos)
    refuse(text("not JSON: a zero byte at ", zero));

  std::vector<std::set<std::string>> open;  // the names so far of every object around this place
  const auto check = [&](int depth, Json::parse_event_t event, Json& parsed) {
    using Event = Json::parse_event_t;
    if (depth >= kMaxDepth) refuse(text("nested more than ", kMaxDepth, " deep"));
    if (event == Event::object_start) open.emplace_back();
    if (event == Event::object_end) open.pop_back();
    if (event == Event::key) {
      const auto& name = parsed.get_ref<const std::string&>();
      if (!open.back().insert(name).second)
        refuse(text("the name ", in_quotes(name), " stands twice"));
      if (open.back().size() > kMaxNames)
        refuse(text("more than ", kMaxNames, " names in one object"));
    }
    return true;
  };
  Json json;
  try {
    json = Json::parse(source, check);
  } catch (const Json::exception& error) {
    refuse(text("not JSON: ", std::string(error.what()).substr(0, 200)));
  }
  return json;
}

std::string in_quotes(std::string_view name) {
  constexpr size_t kShown = 80;
  return Json(name.substr(0, kShown)).dump(-1, ' ', true, Json::error_handler_t::replace) +
         (name.size() > kShown ? "..." : "");
}

}  // namespace fluvox
