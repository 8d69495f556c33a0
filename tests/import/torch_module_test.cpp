#include "import/torch_module.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "import/made_torch.h"
#include "support/throws.h"

namespace fluvox::imports {
namespace {

using namespace made;
using support::thrown_by;
using testing::ElementsAre;
using testing::HasSubstr;

const std::vector<Stored> kStored = {{"0", 2, raw<float>({3, 4})}};
std::string weight() { return tensor(storage("FloatStorage", "0", 2), 0, {2}, {1}); }

std::string module(const std::string& from, const std::string& name, const Parts& parameters,
                   const Parts& buffers, const Parts& modules) {
  return object(from, name,
                {str("training"), "\x88", str("_parameters"), ordered_dict(parameters),
                 str("_buffers"), ordered_dict(buffers), str("_modules"), ordered_dict(modules)});
}

std::vector<std::string> names(const std::vector<NamedValue>& values) {
  std::vector<std::string> listed;
  for (const NamedValue& value : values) listed.push_back(value.name);
  return listed;
}

Error refusal(const std::string& body) {
  const TorchFile file(zip_file(body, kStored), "x.pt");
  return thrown_by([&] { contents_of(file, file.root()); });
}

TEST(TorchModule, NamesTensorsAsTheStateDictDoes) {
  const std::string wn =
      module("glow", "WN", {str("weight"), parameter(weight()), str("bias"), "N"},
             {str("mean"), weight()}, {});
  const std::string list =
      module("torch.nn.modules.container", "ModuleList", {}, {}, {str("0"), wn, str("1"), "N"});
  const std::string outer =
      module("glow_old", "WaveGlow", {str("scale"), parameter(weight())}, {}, {str("WN"), list});
  const TorchFile file(legacy_file(dict({str("model"), outer}), kStored), "x.pt");
  const ModuleContents found = contents_of(file, file.root().get("model"));
  EXPECT_THAT(names(found.tensors), ElementsAre("scale", "WN.0.weight", "WN.0.mean"));
  EXPECT_THAT(names(found.modules), ElementsAre("", "WN", "WN.0"));
  EXPECT_EQ(found.modules[0].value.class_path(), "glow_old.WaveGlow");
  EXPECT_EQ(found.modules[2].value.class_path(), "glow.WN");
  EXPECT_EQ(file.tensor(found.tensors[1].value).floats(), (std::vector<float>{3, 4}));
}

TEST(TorchModule, TakesAStateDictAsItIs) {
  const TorchFile file(
      zip_file(ordered_dict({str("module.a.weight"), weight(), str("b"), weight()}), kStored),
      "x.pt");
  const ModuleContents found = contents_of(file, file.root());
  EXPECT_THAT(names(found.tensors), ElementsAre("module.a.weight", "b"));
  EXPECT_TRUE(found.modules.empty());
}

TEST(TorchModule, RefusesWhatIsNoModule) {
  EXPECT_THAT(refusal("K\1").what(), HasSubstr("expected a module, found an integer"));
  EXPECT_THAT(refusal(object("a", "B", {})).what(), HasSubstr("has no _parameters"));
  EXPECT_THAT(refusal(global("a", "B") + ")\x81").what(), HasSubstr("expected a dictionary"));
  EXPECT_THAT(refusal(dict({str("epoch"), "K\1"})).what(),
              HasSubstr("x.pt, \"epoch\": expected a tensor, found an integer"));
  EXPECT_THAT(refusal(dict({"K\1", weight()})).what(), HasSubstr("expected a string"));
  EXPECT_THAT(refusal(module("a", "B", {}, {}, {str("x"), weight()})).what(),
              HasSubstr("x.pt, \"x\": expected a module, found a tensor"));
  EXPECT_THAT(refusal(dict({str(std::string(2000, 'n')), weight()})).what(),
              HasSubstr("more than 1024 characters"));
}

TEST(TorchModule, BoundsTheWalk) {
  // A module inside itself.
  const std::string start = global("a", "B") + ")\x81" + keep(0);
  EXPECT_THAT(refusal(start +
                      dict({str("_parameters"), "}", str("_buffers"), "}", str("_modules"),
                            dict({str("me"), again(0)})}) +
                      "b")
                  .what(),
              HasSubstr("nested more than 64 deep"));
  // Forty modules, each of which holds the next one twice: 2^40 ways to the last.
  std::string bomb = module("a", "B", {}, {}, {}) + keep(0) + "0";
  for (int i = 0; i < 40; ++i)
    bomb += module("a", "B", {}, {}, {str("l"), again(0), str("r"), again(0)}) + keep(0) + "0";
  EXPECT_THAT(refusal(bomb + again(0)).what(), HasSubstr("more than 100000 modules and tensors"));
  // One tensor of a megabyte under very many names.
  const std::string large = tensor(storage("FloatStorage", "0", 2), 0, {1 << 18}, {0});
  Parts many = {str("first"), large + keep(0)};
  for (int i = 0; i < 100; ++i) {
    many.push_back(str(std::to_string(i)));
    many.push_back(again(0));
  }
  EXPECT_THAT(refusal(dict(many)).what(), HasSubstr("many times larger than the file"));
}

}  // namespace
}  // namespace fluvox::imports
