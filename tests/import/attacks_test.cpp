// Files of torch.save that would run a command where Python loads them, in every form in which a
// pickle can: refused or read as data, the command not run, nothing written. Python itself is asked
// whether the attacks are any good.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <functional>
#include <sstream>

#include "core/error.h"
#include "import/convert.h"
#include "import/made_torch.h"
#include "import/torch_mel.h"
#include "support/python.h"
#include "support/temp_folder.h"
#include "support/throws.h"

namespace fluvox::imports {
namespace {

namespace fs = std::filesystem;
using namespace made;
using namespace std::string_literals;
using support::spill;
using support::TempFolder;
using support::thrown_by;
using testing::Contains;
using testing::HasSubstr;

struct Attack {
  std::string name, body;
};

// Each makes the file `harm`.
std::vector<Attack> attacks(const std::string& harm) {
  const std::string command = str("touch '" + harm + "'"), write = "open('" + harm + "', 'w')";
  const std::string system = global("os", "system"), direct = call(system, {command});
  const std::string os = call(global("builtins", "__import__"), {str("os")});
  const std::string names = list({command}), map = global("builtins", "map");
  const std::string lazy = map + tuple({system, names}) + "\x81";
  const std::string inner = pickle(direct);
  return {
      {"REDUCE of os.system", direct},
      {"REDUCE of posix.system", call(global("posix", "system"), {command})},
      {"REDUCE by STACK_GLOBAL", str("os") + str("system") + "\x93" + tuple({command}) + "R"},
      {"REDUCE through the memo", system + keep(0) + "0" + again(0) + tuple({command}) + "R"},
      {"builtins.eval", call(global("builtins", "eval"), {str(write)})},
      {"__builtin__.eval", call(global("__builtin__", "eval"), {str(write)})},
      {"builtins.exec", call(global("builtins", "exec"), {str(write)})},
      {"getattr, a chain",
       call(call(global("builtins", "getattr"), {os, str("system")}), {command})},
      {"import_module, a chain", call(call(global("operator", "attrgetter"), {str("system")}),
                                      {call(global("importlib", "import_module"), {str("os")})}) +
                                     tuple({command}) + "R"},
      {"functools.partial", call(call(global("functools", "partial"), {system, command}), {})},
      {"operator.methodcaller",
       call(call(global("operator", "methodcaller"), {str("system"), command}), {os})},
      {"a pickle in a pickle",
       call(global("pickle", "loads"), {"B" + little(inner.size(), 4) + inner})},
      {"subprocess", call(global("subprocess", "check_output"), {list({str("touch"), str(harm)})})},
      {"timeit", call(global("timeit", "timeit"),
                      {str(write), str("pass"), global("time", "perf_counter"), integer(1)})},
      {"INST", "(" + command + "ios\nsystem\n"},
      {"OBJ", "(" + system + command + "o"},
      {"NEWOBJ of classes that call", global("builtins", "bytes") + tuple({lazy}) + "\x81"},
      {"NEWOBJ_EX of classes that call",
       global("builtins", "bytes") + tuple({map + tuple({system, names}) + "}\x92"}) + "}\x92"},
      {"BUILD that sets __setstate__", global("types", "SimpleNamespace") + ")\x81" +
                                           dict({str("__setstate__"), system}) + "b" + command +
                                           "b"},
      {"popped again", direct + "0N"},
      {"a key", dict({direct, str("x")})},
      {"deep inside", list({tuple({dict({str("state_dict"), direct})})})},
      {"the argument of a known call",
       call(global("collections", "OrderedDict"), {list({tuple({str("a"), direct})})})},
  };
}

// Where torch.load calls what pickle alone does not know.
std::vector<Attack> attacks_of_torch(const std::string& harm) {
  const std::string direct = call(global("os", "system"), {str("touch '" + harm + "'")});
  const std::string inner = pickle(direct), values = storage("FloatStorage", "k", 1);
  return {
      {"a hook of a tensor", call(global("torch._utils", "_rebuild_tensor_v2"),
                                  {values, integer(0), integers({1}), integers({1}), "\x89",
                                   ordered_dict({str("hook"), direct})})},
      {"_load_from_bytes",
       call(global("torch.storage", "_load_from_bytes"), {"B" + little(inner.size(), 4) + inner})},
      {"torch.load", call(global("torch", "load"), {str(harm)})},
      {"a class as a persistent id",
       tuple({str("module"), global("os", "system"), str("os.py"), str("source")}) + "Q" +
           tuple({str("touch '" + harm + "'")}) + "R"},
      {"a persistent id that calls",
       tuple({str("storage"), direct, str("k"), str("cpu"), "K\1"}) + "Q"},
      {"a name with a dot",  // of protocol 4
       str("os") + str("path.os.system") + "\x93" + tuple({str("touch '" + harm + "'")}) + "R"},
      {"EXT1", "\x82\1" + tuple({str("x")}) + "R"},
      {"EXT2", "\x83\1\1" + tuple({str("x")}) + "R"},
      {"EXT4", "\x84\1\1\1\1" + tuple({str("x")}) + "R"},
  };
}

// All that this program does with such a file.
Error refusal(const std::string& file) {
  const Error as_mel = thrown_by([&] { parse_torch_mel(file, "x.pt"); });
  const Error as_model = thrown_by([&] {
    Checkpoint checkpoint(TorchFile(file, "x.pt"));
    checkpoint.progress();
    checkpoint.config();
    convert(checkpoint, {});
  });
  EXPECT_EQ(as_mel.code().substr(0, 6), as_model.code().substr(0, 6)) << as_model.what();
  return as_model;
}

TEST(Attacks, RunNothingAndWriteNothing) {
  const TempFolder folder;
  std::vector<Attack> all = attacks(folder / "harm");
  for (Attack& attack : attacks_of_torch(folder / "harm")) all.push_back(std::move(attack));
  const std::vector<Stored> storages = {{"k", 1, "\0\0\0\0"s}};
  for (const auto& [name, body] : all) {
    SCOPED_TRACE(name);
    std::string heading = legacy_heading();
    const std::string
        attack = pickle(body),
        files[] = {
            zip_file(body, storages),
            legacy_file(body, storages),
            attack,                                              // no container
            attack + heading,                                    // in place of the magic number
            heading + attack,                                    // as the values alone
            heading + pickle(list({})) + attack,                 // in place of the keys
            heading.substr(0, heading.size() - 1) + body + ".",  // among what the system is like
            zip({{"archive/data.pkl", pickle("N")}, {"archive/byteorder", attack}}).bytes};
    for (const std::string& file : files) EXPECT_EQ(refusal(file).fault(), Fault::input);
    // By its own instruction, but for two forms that are inert records here.
    const std::string code = refusal(files[0]).code();
    if (name.starts_with("NEWOBJ of") || name.starts_with("BUILD"))
      EXPECT_NE(code, "");
    else
      EXPECT_EQ(code, "pickle-refused");
    EXPECT_THAT(folder.names(), testing::IsEmpty());
  }
}

TEST(Attacks, WouldRunInPython) {
  const std::string python = support::python_with("pickle");
  if (python.empty()) GTEST_SKIP() << "no Python here";
  const TempFolder folder;
  const std::string harm = folder / "harm";
  const std::vector<Attack> all = attacks(harm);
  for (size_t i = 0; i < all.size(); ++i)
    spill(folder / (std::to_string(i) + ".pkl"), pickle(all[i].body));
  spill(folder / "load.py", R"(
import os, pickle, sys
for i in range(int(sys.argv[2])):
    try:
        with open(f'{sys.argv[1]}/{i}.pkl', 'rb') as file:
            pickle.load(file)
    except Exception as error:
        pass
    harm = sys.argv[1] + '/harm'
    print(i, os.path.exists(harm))
    if os.path.exists(harm):
        os.remove(harm)
)");
  ASSERT_EQ(std::system(("'" + python + "' '" + (folder / "load.py").string() + "' '" +
                         folder.path().string() + "' " + std::to_string(all.size()) + " >'" +
                         (folder / "said").string() + "' 2>/dev/null")
                            .c_str()),
            0);
  std::istringstream said(support::slurp(folder / "said"));
  for (size_t i = 0; i < all.size(); ++i) {
    size_t number = 0;
    std::string ran;
    said >> number >> ran;
    EXPECT_EQ(number, i);
    EXPECT_EQ(ran, "True") << all[i].name;
  }
}

}  // namespace
}  // namespace fluvox::imports
