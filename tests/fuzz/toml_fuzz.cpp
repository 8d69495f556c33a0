// Settings: TOML, and `--set name=value` with the first line.
#include "core/toml.h"
#include "fuzz/fuzz.h"

namespace fluvox::fuzz {
namespace {

void run(std::string_view input) {
  Json settings = Json::object();
  bool taken = true;
  try {
    settings = parse_toml(input, "input");
  } catch (const Error&) {
    taken = false;
  }
  set_value(settings, input.substr(0, input.find('\n')));
  expect(settings.dump().size() < 100 + 64 * input.size(), "settings no longer than their text");
  if (!taken) throw Error(Fault::input, "toml-invalid", "the line alone was taken");
}

std::vector<std::string> seeds() {
  return {
      "model = \"compact\" # a comment\n[train]\nrate = 1e-4\nsteps = 1_000\n"
      "lists = [1, [2, 'three'], { four = 4.5 }]\n[[table]]\na.b.\"c d\" = true\n[[table]]\n",
      "train.rate=0x1f\n",
      "name=abc",
      "a = \"\"\"\nlong \\\n  text\\u00e4\"\"\"\nb = '''\nraw'''''\nc = -0b101\nd = inf\n",
      "at = 2020-02-30T25:00:00Z\ntime = 07:32:00.5\n",
      "[a]\n[a.b.c]\nx=1\n[d]\ny=[\n1,\n2, # two\n]\n"};
}

}  // namespace

const Target toml = {"toml", run, seeds};

}  // namespace fluvox::fuzz
