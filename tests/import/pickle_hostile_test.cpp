// Pickles that were made to do harm.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "import/made_torch.h"
#include "import/pickle.h"
#include "support/throws.h"

namespace fluvox::imports {
namespace {

using namespace made;
using namespace std::string_literals;
using support::thrown_by;
using testing::HasSubstr;

Error refusal_of(const std::string& bytes) {
  return thrown_by([&] { read_pickle(bytes, 0, "x.pt"); });
}
Error refusal(const std::string& body) { return refusal_of(pickle(body)); }

TEST(HostilePickle, NeverCallsAnything) {
  const std::string command = tuple({str("echo harm")});
  const std::string system = global("os", "system");
  const std::string direct = system + command + "R";
  const std::string wrapped[] = {
      direct,
      str("os") + str("system") + "\x93" + command + "R",
      dict({str("model"), direct}),
      list({tuple({ordered_dict({str("a"), direct})})}),
      object("glow", "WaveGlow", {str("x"), direct}),
      call(global("collections", "OrderedDict"), {direct}),
      direct + "0K\1",
      tuple({str("storage"), direct, str("0"), str("cpu"), "K\1"}) + "Q"};
  for (const std::string& body : wrapped) {
    const Error error = refusal(body);
    EXPECT_EQ(error.code(), "pickle-refused") << error.what();
    EXPECT_THAT(error.what(), HasSubstr("call \"os.system\""));
    EXPECT_THAT(error.what(), HasSubstr("(REDUCE)"));
  }
  EXPECT_THAT(refusal(direct).what(), HasSubstr("x.pt: byte 29 (REDUCE)"));
}

TEST(HostilePickle, RefusesRelativesOfTheKnownCalls) {
  const std::string data = tensor(storage("FloatStorage", "0", 4), 0, {4}, {1});
  const std::vector<std::string> bodies = {
      call(global("builtins", "getattr"), {global("os", "path"), str("join")}),
      call(global("builtins", "eval"), {str("1")}),
      call(global("builtins", "frozenset"), {list({})}),
      call(global("copy_reg", "_reconstructor"), {global("a", "B"), global("c", "D"), "N"}),
      call(global("torch._utils", "_rebuild_tensor_v2.__globals__"), {data}),
      call(global("torch", "_utils._rebuild_parameter"), {data, "\x88", "N"}),
      call(global("torch._utils", "_rebuild_tensor_v3"), {data}),
      call(global("collections", "defaultdict"), {}),
      call(global("torch.nn", "parameter.Parameter"), {data, "\x88"}),
      call(global("collections.OrderedDict", ""), {}),
      global("a", "B") + ")\x81)R",       // calls an object
      ordered_dict() + ")R",              // calls a value
      str("os.system") + ")R",            // calls a string
      call(global("os", "system"), {})};  // whatever the arguments
  for (const std::string& body : bodies)
    EXPECT_EQ(refusal(body).code(), "pickle-refused") << refusal(body).what();
}

TEST(HostilePickle, RefusesOtherArgumentsOfTheKnownCalls) {
  const std::string data = tensor(storage("FloatStorage", "0", 4), 0, {4}, {1});
  const std::string v2 = global("torch._utils", "_rebuild_tensor_v2");
  const std::vector<std::string> bodies = {
      call(v2, {}),
      call(v2, {data, "K\0"s, ")", ")", "N", "N"}),
      call(v2, {storage("FloatStorage", "0", 4), "N", ")", ")", "N", "N"}),
      call(v2, {storage("FloatStorage", "0", 4), "K\0"s, "]", ")", "N", "N"}),
      call(v2, {storage("FloatStorage", "0", 4), "K\0"s, tuple({"N"}), ")", "N", "N"}),
      call(v2, {storage("FloatStorage", "0", 4), "K\0"s, tuple(Parts(65, "K\1")),
                tuple(Parts(65, "K\1")), "N", "N"}),
      call(global("torch._utils", "_rebuild_parameter"), {"N", "\x88", "N"}),
      call(global("torch.nn.parameter", "Parameter"), {data, "K\1"}),
      call(global("torch.nn.parameter", "Parameter"), {data}),
      call(global("collections", "OrderedDict"), {"N"}),
      call(global("collections", "OrderedDict"), {list({"K\1"})}),
      call(global("collections", "OrderedDict"), {"]", "]"}),
      global("collections", "OrderedDict") + "]R",
      call(global("builtins", "set"), {}),
      call(global("builtins", "set"), {"N"}),
      call(global("torch.nn.backends.thnn", "_get_thnn_function_backend"), {"N"}),
      v2 + "NR"};
  for (const std::string& body : bodies)
    EXPECT_EQ(refusal(body).code(), "pickle-invalid") << refusal(body).what();
}

TEST(HostilePickle, RefusesInstructionsThatModelFilesDoNotNeed) {
  const std::pair<const char*, std::string> bodies[] = {
      {"INST", "(" + str("echo harm") + "ios\nsystem\n"},
      {"OBJ", "(" + global("os", "system") + str("echo harm") + "o"},
      {"NEWOBJ_EX", global("os", "system") + ")}\x92"},
      {"PERSID", "Pstorage\n"},
      {"EXT1", "\x82\1"},
      {"EXT2", "\x83\1\0"s},
      {"EXT4", "\x84\1\0\0\0"s},
      {"FROZENSET", "(\x91"},
      {"NEXT_BUFFER", "\x97"},
      {"READONLY_BUFFER", "N\x98"},
      {"unknown", "\xff"}};
  for (const auto& [name, body] : bodies) {
    const Error error = refusal(body);
    EXPECT_EQ(error.code(), "pickle-refused");
    EXPECT_THAT(error.what(), HasSubstr("("s + name + ")"));
  }
}

TEST(HostilePickle, OnlyFillsRecords) {
  // A class with __setstate__ or __new__ that would do harm is but its name.
  const std::string evil =
      pickle(global("evil", "Runs") + tuple({str("x")}) + "\x81" +
             dict({str("__setstate__"), global("os", "system")}) + "b" + str("second state") + "b");
  const Pickle read = read_pickle(evil, 0, "x.pt");
  const Value root(read.tree, read.tree.root);
  EXPECT_EQ(root.class_path(), "evil.Runs");
  EXPECT_EQ(root.state().string(), "second state");
  for (const std::string& body : {global("os", "system") + "}b", "]}b"s, "K\1}b"s, "}}b"s,
                                  tensor(storage("FloatStorage", "0", 4), 0, {4}, {1}) + "}b"})
    EXPECT_EQ(refusal(body).code(), "pickle-refused");
  for (const std::string& body : {"K\1)\x81"s, global("a", "B") + "N\x81", ordered_dict() + ")\x81",
                                  global("a", "B") + ")\x81)\x81", "K\1K\2\x93"s})
    EXPECT_EQ(refusal(body).code(), "pickle-invalid");
}

TEST(HostilePickle, RefusesErrorsOfStackAndMemo) {
  for (const std::string& body : {""s,
                                  "0"s,
                                  "2"s,
                                  "1"s,
                                  "K\1\x86"s,
                                  "t"s,
                                  "l"s,
                                  "d"s,
                                  "a"s,
                                  "]a"s,
                                  "e"s,
                                  "s"s,
                                  "}K\1s"s,
                                  "u"s,
                                  "}(K\1u"s,
                                  "(K\1d"s,
                                  "K\1(e"s,
                                  "]q\1(h\2e"s,
                                  "h\0"s,
                                  "g7\n"s,
                                  "j\0\0\0\0"s,
                                  "q\0"s,
                                  "\x94"s,
                                  "R"s,
                                  "b"s,
                                  "\x81"s,
                                  "Q"s,
                                  "\x93"s,
                                  "K\1K\2"s,
                                  "K\1("s,
                                  "(K\1"s,
                                  "K\1(K\2\x86"s,
                                  "K\1(K\2\x86t0"s,
                                  "K\1(a"s,
                                  "]]s"s,
                                  "}]Ns"s,
                                  "}}Ns"s,
                                  "\x8fNa"s,
                                  "](K\1\x90"s,
                                  "Ix\n"s,
                                  "I\n"s,
                                  "F1x\n"s,
                                  "I99999999999999999999\n"s,
                                  "Sx\n"s,
                                  "S'x\n"s,
                                  "S'\\n'\n"s,
                                  "p-1\nN"s,
                                  "\x80\2N"s})
    EXPECT_EQ(refusal(body).code(), "pickle-invalid") << testing::PrintToString(body);
  EXPECT_EQ(refusal_of("\x80\6N.").code(), "pickle-invalid");
  EXPECT_THAT(refusal("}(" + str("a") + "K\1" + str("a") + "K\2u").what(),
              HasSubstr("has the key \"a\" twice"));
}

TEST(HostilePickle, RefusesEveryTruncation) {
  const std::string whole = pickle(
      dict({str("m"), object("glow", "WN", {str("x"), "I12\n"}), str("t"),
            parameter(tensor(storage("FloatStorage", "0", 4), 0, {4}, {1})), str("f"), "G12345678",
            str("n"), "Fnan\n", str("b"), "C\1x", str("l"), "\x8b\1\0\0\0\7"s}));
  ASSERT_NO_THROW(read_pickle(whole, 0, "x.pt"));
  for (size_t length = 0; length < whole.size(); ++length)
    EXPECT_EQ(refusal_of(whole.substr(0, length)).code(), "pickle-truncated") << length;
}

TEST(HostilePickle, LengthsBeyondTheFileTakeNoMemory) {
  for (const std::string& body :
       {"X\xff\xff\xff\xffx"s, "\x8d\xff\xff\xff\xff\xff\xff\xff\xffx"s, "T\xff\xff\xff\x7fx"s,
        "\x8b\xff\xff\xff\xffx"s, "\x8e\0\0\0\0\0\0\0\x80x"s, "\x8a\xffx"s,
        "\x95\xff\xff\xff\xff\xff\xff\xff\xff"s})
    EXPECT_EQ(refusal(body).code(), "pickle-truncated");
  EXPECT_EQ(refusal("Nr\xff\xff\xff\xff").code(), "pickle-limit");
}

// Doubled a thousand times, yet two thousand nodes: values are shared, never copied.
TEST(HostilePickle, SharesWhatAMemoBombRepeats) {
  std::string body = "]" + keep(0) + "0";
  for (int i = 0; i < 900; ++i) body += again(0) + again(0) + "\x86" + keep(0) + "0";
  const std::string bomb = pickle(body + again(0));
  const Pickle read = read_pickle(bomb, 0, "x.pt");
  EXPECT_LT(read.tree.nodes.size(), 1000U);
}

TEST(HostilePickle, KeepsCyclesWithoutFollowingThem) {
  const std::string itself =
      pickle("]" + keep(0) + again(0) + "a}" + keep(1) + str("me") + again(1) + "sa");
  const Pickle read = read_pickle(itself, 0, "x.pt");
  const Value root(read.tree, read.tree.root);
  EXPECT_EQ(root.at(0).id(), root.id());
  EXPECT_EQ(root.at(1).get("me").id(), root.at(1).id());
}

TEST(HostilePickle, BoundsDepthAndSize) {
  std::string deep = "]";
  for (int i = 0; i < 2000; ++i) deep = deep + "\x85";
  EXPECT_EQ(refusal(deep).code(), "pickle-limit");
  std::string lists;
  for (int i = 0; i < 2000; ++i) lists += "]";
  EXPECT_EQ(refusal(lists + std::string(1999, 'a')).code(), "pickle-limit");
  EXPECT_EQ(refusal(std::string(1'100'000, '(')).code(), "pickle-limit");
  EXPECT_EQ(refusal(std::string(1'100'000, 'N')).code(), "pickle-limit");
  std::string many;
  for (size_t i = 0; i < kMostNodes; ++i) many += "]0";
  EXPECT_EQ(refusal(many).code(), "pickle-limit");
  // Calls that copy: of one list of many pairs, of one shape of many axes.
  std::string pairs = list(Parts(1000, "NN\x86"));
  pairs += "\x85" + keep(0);
  std::string copies;
  for (int i = 0; i < 2000; ++i) copies += global("collections", "OrderedDict") + again(0) + "R0";
  EXPECT_EQ(refusal(pairs + copies).code(), "pickle-limit");
}

// Any instructions in any order: a tree or an Error, nothing else.
TEST(HostilePickle, SurvivesRandomPrograms) {
  const std::vector<std::string> words = {"N",
                                          "\x88",
                                          "K\1",
                                          "(",
                                          "t",
                                          ")",
                                          "\x85",
                                          "\x86",
                                          "\x87",
                                          "]",
                                          "a",
                                          "e",
                                          "l",
                                          "}",
                                          "s",
                                          "u",
                                          "d",
                                          "0",
                                          "1",
                                          "2",
                                          "R",
                                          "b",
                                          "\x81",
                                          "Q",
                                          "\x93",
                                          "\x8f",
                                          "\x90",
                                          "\x94",
                                          "q\0"s,
                                          "h\0"s,
                                          "q\1",
                                          "h\1",
                                          str("storage"),
                                          str("k"),
                                          global("collections", "OrderedDict"),
                                          global("torch", "FloatStorage"),
                                          global("builtins", "set"),
                                          integer(4),
                                          ordered_dict(),
                                          storage("FloatStorage", "0", 4),
                                          tensor(storage("FloatStorage", "0", 4), 0, {4}, {1}),
                                          global("torch._utils", "_rebuild_tensor"),
                                          global("torch._utils", "_rebuild_parameter")};
  std::mt19937 random(7);
  size_t whole = 0;
  for (int round = 0; round < 20000; ++round) {
    std::string body;
    const auto length = random() % 24 + 1;
    for (size_t i = 0; i < length; ++i) body += words[random() % words.size()];
    try {
      read_pickle(pickle(body), 0, "x.pt");
      ++whole;
    } catch (const Error&) {
    }
  }
  EXPECT_GT(whole, 100U);
}

}  // namespace
}  // namespace fluvox::imports
