// JSON that nobody vouches for, and mel conventions out of it.
#include "core/strict_json.h"
#include "fuzz/fuzz.h"
#include "mel/convention.h"

namespace fluvox::fuzz {
namespace {

void run(std::string_view input) {
  const Json read = parse_json(input, "input");
  expect(parse_json(read.dump(), "written again") == read, "written and read: the same");
  const mel::Convention convention = mel::convention_from_json(read, "convention");
  const Json written = to_json(convention);
  expect(to_json(mel::convention_from_json(written, "written again")) == written,
         "a convention, written and read: the same");
}

std::vector<std::string> seeds() {
  mel::Convention convention;
  convention.bands = 2;
  convention.mean = {-4, -5};
  convention.deviation = {1, 2};
  return {to_json(convention).dump(), to_json(mel::Convention{}).dump(2),
          R"({"a":[1,-2.5e3,true,false,null,"\u00e4\n",{}],"b":{"c":[[[]]]}})",
          "18446744073709551616"};
}

}  // namespace

const Target json = {"json", run, seeds};

}  // namespace fluvox::fuzz
