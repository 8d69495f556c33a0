#include "import/pickle.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "import/made_torch.h"
#include "support/throws.h"

namespace fluvox::imports {
namespace {

using namespace made;
using namespace std::string_literals;
using support::thrown_by;
using testing::ElementsAre;
using testing::HasSubstr;

// Owns the bytes that a tree points into.
struct Read {
  explicit Read(std::string content)
      : bytes(std::move(content)), pickle(read_pickle(bytes, 0, "x.pt")) {}
  Value root() const { return {pickle.tree, pickle.tree.root}; }
  std::string bytes;
  Pickle pickle;
};
Read read(const std::string& body) { return Read(made::pickle(body)); }

Error refusal(const std::string& body) {
  return thrown_by([&] { read(body); });
}

TEST(Pickle, ReadsConstantsOfEveryProtocol) {
  EXPECT_TRUE(read("N").root().is_none());
  EXPECT_TRUE(read("\x88").root().boolean());
  EXPECT_FALSE(read("\x89").root().boolean());
  EXPECT_TRUE(read("I01\n").root().boolean());
  EXPECT_FALSE(read("I00\n").root().boolean());
  EXPECT_EQ(read("I-12\n").root().integer(), -12);
  EXPECT_EQ(read("L9876543210L\n").root().integer(), 9876543210);
  EXPECT_EQ(read("K\xff").root().integer(), 255);
  EXPECT_EQ(read("M\xff\xff").root().integer(), 65535);
  EXPECT_EQ(read("J\xfe\xff\xff\xff").root().integer(), -2);
  EXPECT_EQ(read("\x8a\x00"s).root().integer(), 0);
  EXPECT_EQ(read("\x8a\x01\xff").root().integer(), -1);
  EXPECT_EQ(read("\x8a\x02\xff\x00"s).root().integer(), 255);
  EXPECT_EQ(read("\x8b\x01\x00\x00\x00\x80"s).root().integer(), -128);
  EXPECT_EQ(read(integer(INT64_MIN)).root().integer(), INT64_MIN);
  EXPECT_EQ(read("\x8a\x09" + std::string(9, '\1')).root().bytes(), std::string(9, '\1'));
  EXPECT_EQ(read("G\x3f\xf8" + std::string(6, '\0')).root().number(), 1.5);
  EXPECT_EQ(read("F-2.25e1\n").root().number(), -22.5);
  EXPECT_TRUE(std::isnan(read("Fnan\n").root().number()));
  for (const std::string& body : {"U\2hi"s, "T\2\0\0\0hi"s, "X\2\0\0\0hi"s, "\x8c\2hi"s,
                                  "\x8d\2\0\0\0\0\0\0\0hi"s, "S'hi'\n"s, "S\"hi\"\n"s, "Vhi\n"s})
    EXPECT_EQ(read(body).root().string(), "hi") << body;
  for (const std::string& body :
       {"C\2hi"s, "B\2\0\0\0hi"s, "\x8e\2\0\0\0\0\0\0\0hi"s, "\x96\2\0\0\0\0\0\0\0hi"s})
    EXPECT_EQ(read(body).root().bytes(), "hi") << body;
}

TEST(Pickle, ReadsContainers) {
  EXPECT_EQ(read(")").root().size(), 0U);
  EXPECT_EQ(read("K\1\x85").root().at(0).integer(), 1);
  EXPECT_EQ(read("K\1K\2\x86").root().at(1).integer(), 2);
  EXPECT_EQ(read("K\1K\2K\3\x87").root().at(2).integer(), 3);
  EXPECT_EQ(read("(K\1K\2K\3K\4t").root().size(), 4U);
  EXPECT_EQ(read("(K\1K\2l").root().kind(), Kind::list);
  const Read appended = read("]K\1a(K\2K\3e");
  EXPECT_EQ(appended.root().at(2).integer(), 3);
  const Read pairs = read("(X\1\0\0\0aK\1d"s + "K\7K\2s" + "(X\1\0\0\0bK\3u"s);
  ASSERT_EQ(pairs.root().size(), 3U);
  EXPECT_EQ(pairs.root().get("a").integer(), 1);
  EXPECT_EQ(pairs.root().key(1).integer(), 7);
  EXPECT_EQ(pairs.root().get("b").integer(), 3);
  EXPECT_FALSE(pairs.root().find("c").has_value());
  const Read set = read("\x8f(K\5K\6\x90");
  EXPECT_EQ(set.root().class_path(), "builtins.set");
  EXPECT_EQ(set.root().arguments().at(0).at(1).integer(), 6);
}

TEST(Pickle, UsesStackAndMemoAsPythonDoes) {
  EXPECT_EQ(read("K\1K\2"s + "0").root().integer(), 1);
  EXPECT_EQ(read("K\1(K\2K\3"s + "1").root().integer(), 1);
  EXPECT_EQ(read("K\1(0").root().integer(), 1);  // POP of a mark
  EXPECT_EQ(read("K\1"s + "2\x86").root().size(), 2U);
  const Read shared = read("]q\5"s + "0h\5j\5\0\0\0g5\n\x87\x85"s);
  EXPECT_EQ(shared.root().at(0).at(0).id(), shared.root().at(0).at(2).id());
  EXPECT_EQ(read("K\1\x94K\2\x94\x86p9\n0h\1").root().integer(), 2);
  const std::string stored_and_dropped = "K\1p0\n"s + "0" + "K\2r\1\0\0\0"s + "0";
  EXPECT_EQ(read(stored_and_dropped + "g0\n").root().integer(), 1);
  EXPECT_EQ(read(stored_and_dropped + "\x8f\x94j\2\0\0\0\x86"s).root().at(1).class_path(),
            "builtins.set");
  EXPECT_EQ(Read("\x80\4\x95\3\0\0\0\0\0\0\0K\1."s).root().integer(), 1);
}

TEST(Pickle, KeepsNamesAndObjectsAsInertRecords) {
  const Read module = read(object("glow", "WaveGlow", {str("n_flows"), integer(12)}));
  ASSERT_TRUE(module.root().is_record());
  EXPECT_EQ(module.root().class_path(), "glow.WaveGlow");
  EXPECT_EQ(module.root().attribute("n_flows")->integer(), 12);
  EXPECT_FALSE(module.root().attribute("other").has_value());
  EXPECT_EQ(module.root().arguments().size(), 0U);
  const Read stack = read(str("os") + str("system") + "\x93");
  EXPECT_EQ(stack.root().kind(), Kind::global);
  EXPECT_EQ(stack.root().class_path(), "os.system");
  const Read unbuilt = read(global("a.b", "C") + "K\7\x85\x81");
  EXPECT_TRUE(unbuilt.root().state().is_none());
  EXPECT_EQ(unbuilt.root().arguments().at(0).integer(), 7);
  const Read derived = read(global("env", "AttrDict") + ")\x81(" + str("k") + "K\1u");
  EXPECT_EQ(derived.root().entries().get("k").integer(), 1);
}

TEST(Pickle, CarriesOutTheKnownCallsAsData) {
  const Read empty = read(ordered_dict({str("b"), "K\1", str("a"), "K\2"}) + dict({}) + "b");
  EXPECT_EQ(empty.root().kind(), Kind::ordered_dict);
  EXPECT_EQ(empty.root().size(), 2U);
  EXPECT_EQ(empty.root().key(0).string(), "b");
  EXPECT_EQ(empty.root().get("a").integer(), 2);
  EXPECT_EQ(empty.root().state().size(), 0U);
  const Read pairs = read(call(global("collections", "OrderedDict"),
                               {list({list({str("k"), "K\3"}), tuple({str("m"), "K\4"})})}));
  EXPECT_EQ(pairs.root().get("m").integer(), 4);  // as Python 2 wrote it

  const std::string data = tensor(storage("HalfStorage", "3", 40), 4, {2, 3}, {10, 3});
  for (const std::string& body :
       {data, parameter(data), call(global("torch.nn.parameter", "Parameter"), {data, "\x88"}),
        call(global("torch._utils", "_rebuild_tensor"),
             {storage("HalfStorage", "3", 40), integer(4), integers({2, 3}), integers({10, 3})})}) {
    const Read made = read(body);
    const TensorRef& found = made.root().tensor();
    EXPECT_EQ(found.storage->key, "3");
    EXPECT_EQ(found.storage->type, DType::f16);
    EXPECT_EQ(found.storage->count, 40);
    EXPECT_EQ(found.offset, 4);
    EXPECT_THAT(found.shape, ElementsAre(2, 3));
    EXPECT_THAT(found.stride, ElementsAre(10, 3));
  }
  EXPECT_EQ(read(call(global("torch.nn.backends.thnn", "_get_thnn_function_backend"), {}))
                .root()
                .class_path(),
            "torch.nn.backends.thnn._get_thnn_function_backend");
  for (const char* module : {"__builtin__", "builtins"})
    EXPECT_TRUE(read(call(global(module, "set"), {list({})})).root().is_record());
}

TEST(Pickle, KnowsThePersistentIdsOfBothContainers) {
  const Read view = read(storage("FloatStorage", "7", 10, {tuple({str("8"), "K\2", "K\5"})}));
  EXPECT_EQ(view.root().storage().first, 2);
  EXPECT_EQ(view.root().storage().size, 5);
  const Read whole = read(storage("FloatStorage", "7", 10, {"N"}));
  EXPECT_EQ(whole.root().storage().size, 10);
  const Read source = read(
      tuple({str("module"), global("glow", "WN"), str("/home/a/glow.py"), str("class WN: ...")}) +
      "Q");
  EXPECT_EQ(source.root().class_path(), "glow.WN");
  EXPECT_THAT(refusal(storage("FloatStorage", "7", 10, {tuple({str("8"), "K\6", "K\5"})})).what(),
              HasSubstr("expected a part of its 10 elements, found 5 from 6"));
  EXPECT_THAT(refusal(storage("ComplexFloatStorage", "7", 10)).what(),
              HasSubstr("\"torch.ComplexFloatStorage\" are not supported"));
  EXPECT_EQ(refusal(storage("FloatStorage", "7", -1)).code(), "pickle-invalid");
  EXPECT_EQ(refusal(storage("FloatStorage", std::string(300, 'k'), 1)).code(), "pickle-invalid");
  EXPECT_EQ(refusal("K\1Q").code(), "pickle-invalid");
  EXPECT_EQ(refusal(")Q").code(), "pickle-invalid");
  EXPECT_THAT(refusal(tuple({str("thing")}) + "Q").what(), HasSubstr("found \"thing\""));
}

TEST(Pickle, RefusesTensorsOutsideOfTheirStorage) {
  const auto of = [](int64_t offset, std::initializer_list<int64_t> shape,
                     std::initializer_list<int64_t> stride) {
    return tensor(storage("FloatStorage", "0", 12), offset, shape, stride);
  };
  for (const std::string& right : {of(0, {3, 4}, {4, 1}), of(11, {}, {}), of(12, {0}, {1}),
                                   of(0, {4, 3}, {1, 4}), of(3, {1, 9}, {INT64_MAX, 1})})
    EXPECT_TRUE(read(right).root().is_tensor());
  for (const std::string& wrong :
       {of(1, {3, 4}, {4, 1}), of(12, {}, {}), of(13, {0}, {1}), of(-1, {1}, {1}),
        of(0, {2}, {INT64_MAX}), of(1, {2, 2}, {INT64_MAX, INT64_MAX}),
        of(0, {INT64_MAX, INT64_MAX}, {0, 0}), of(0, {INT64_MAX}, {0}),
        of(0, {int64_t{1} << 62}, {0})}) {
    EXPECT_EQ(refusal(wrong).code(), "torch-range") << refusal(wrong).what();
  }
  EXPECT_THAT(refusal(of(1, {3, 4}, {4, 1})).what(),
              HasSubstr("of shape [3, 4] and stride [4, 1] at offset 1 of storage \"0\" reaches "
                        "beyond its 12 elements"));
  EXPECT_EQ(refusal(of(0, {-1}, {1})).code(), "pickle-invalid");
  EXPECT_EQ(refusal(of(0, {2}, {-1})).code(), "pickle-invalid");
  EXPECT_EQ(refusal(of(0, {2}, {1, 1})).code(), "pickle-invalid");
}

TEST(Value, SaysWhatItIsInsteadOfWhatWasAskedFor) {
  const Read file = read(dict({str("a"), "K\1", str("m"), object("glow", "WN", {})}));
  EXPECT_STREQ(thrown_by([&] { file.root().string(); }).what(),
               "x.pt: expected a string, found a dictionary");
  EXPECT_STREQ(thrown_by([&] { file.root().get("m").integer(); }).what(),
               "x.pt: expected an integer, found an object of the class \"glow.WN\"");
  EXPECT_STREQ(thrown_by([&] { file.root().get("model"); }).what(),
               "x.pt: expected the key \"model\" in a dictionary of 2 entries");
  EXPECT_EQ(thrown_by([&] { file.root().at(0); }).code(), "torch-structure");
  EXPECT_EQ(thrown_by([&] { read(")").root().at(0); }).code(), "torch-structure");
  EXPECT_EQ(thrown_by([&] { read(")").root().tensor(); }).fault(), Fault::input);
}

}  // namespace
}  // namespace fluvox::imports
