#include "import/torch_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

#include "import/made_torch.h"
#include "support/temp_folder.h"
#include "support/throws.h"

namespace fluvox::imports {
namespace {

using namespace made;
using support::thrown_by;
using testing::ElementsAre;
using testing::HasSubstr;

using Container = std::string (*)(const std::string&, const std::vector<Stored>&);
const Container kContainers[] = {zip_file, legacy_file};

TorchFile read(const std::string& bytes) { return {bytes, "x.pt"}; }
Error refusal(const std::string& bytes) {
  return thrown_by([&] { read(bytes); });
}

std::string bytes_of(const HostTensor& tensor) {
  return {reinterpret_cast<const char*>(tensor.bytes.data()), tensor.bytes.size()};
}

// 0, 1, 2... of 12 floats
Stored twelve(const std::string& key) {
  std::vector<float> values(12);
  std::iota(values.begin(), values.end(), 0.0F);
  return {key, 12, std::string(reinterpret_cast<const char*>(values.data()), 48)};
}
std::string of_twelve(int64_t offset, std::initializer_list<int64_t> shape,
                      std::initializer_list<int64_t> stride) {
  return tensor(storage("FloatStorage", "k", 12), offset, shape, stride);
}

TEST(TorchFile, ReadsEveryElementTypeFromBothContainers) {
  struct Case {
    const char* type;
    DType dtype;
    std::string bytes;
  };
  const Case cases[] = {{"FloatStorage", DType::f32, raw<float>({1, -2.5F})},
                        {"DoubleStorage", DType::f64, raw<double>({1, 1e300})},
                        {"HalfStorage", DType::f16, raw<uint16_t>({0x3c00, 0xc100})},
                        {"BFloat16Storage", DType::bf16, raw<uint16_t>({0x3f80, 0xc020})},
                        {"LongStorage", DType::i64, raw<int64_t>({-1, INT64_MAX})},
                        {"IntStorage", DType::i32, raw<int32_t>({-1, 7})},
                        {"ShortStorage", DType::i16, raw<int16_t>({-1, 7})},
                        {"CharStorage", DType::i8, raw<int8_t>({-1, 7})},
                        {"ByteStorage", DType::u8, raw<uint8_t>({255, 7})},
                        {"BoolStorage", DType::boolean, raw<uint8_t>({1, 0})}};
  for (const Container container : kContainers)
    for (const Case& made : cases) {
      const TorchFile file =
          read(container(tensor(storage(made.type, "5", 2), 0, {2}, {1}), {{"5", 2, made.bytes}}));
      const HostTensor found = file.tensor(file.root());
      EXPECT_EQ(found.type, made.dtype);
      EXPECT_THAT(found.shape, ElementsAre(2));
      EXPECT_EQ(bytes_of(found), made.bytes) << made.type;
    }
}

TEST(TorchFile, PutsStridedTensorsInOrder) {
  const std::pair<std::string, std::vector<float>> cases[] = {
      {of_twelve(0, {3, 4}, {4, 1}), {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}},
      {of_twelve(0, {4, 3}, {1, 4}), {0, 4, 8, 1, 5, 9, 2, 6, 10, 3, 7, 11}},
      {of_twelve(1, {2, 2, 2}, {6, 1, 2}), {1, 3, 2, 4, 7, 9, 8, 10}},
      {of_twelve(5, {3}, {3}), {5, 8, 11}},
      {of_twelve(7, {}, {}), {7}},
      {of_twelve(7, {1, 1}, {INT64_MAX, INT64_MAX}), {7}},
      {of_twelve(7, {1, 2}, {INT64_MAX, 1}), {7, 8}},
      {of_twelve(7, {2, 1}, {1, INT64_MAX}), {7, 8}},
      {of_twelve(2, {2, 3}, {0, 0}), {2, 2, 2, 2, 2, 2}},
      {of_twelve(0, {2, 0, 3}, {1, 1, 1}), {}}};
  for (const Container container : kContainers)
    for (const auto& [body, expected] : cases) {
      const TorchFile file = read(container(body, {twelve("k")}));
      EXPECT_EQ(file.tensor(file.root()).floats(), expected);
    }
}

TEST(TorchFile, SharesStoragesBetweenTensors) {
  for (const Container container : kContainers) {
    TorchFile first = read(container(
        dict({str("a"), of_twelve(0, {2}, {1}), str("b"), parameter(of_twelve(10, {2}, {1}))}),
        {twelve("k")}));
    const TorchFile file = std::move(first);  // values point inside, wherever the file goes
    EXPECT_EQ(file.tensor(file.root().get("a")).floats(), (std::vector<float>{0, 1}));
    EXPECT_EQ(file.tensor(file.root().get("b")).floats(), (std::vector<float>{10, 11}));
  }
}

TEST(TorchFile, FollowsTheViewsOfLegacyFiles) {
  const std::string view = storage("FloatStorage", "k", 12, {tuple({str("v"), "K\3", "K\5"})});
  const TorchFile file = read(legacy_file(tensor(view, 1, {2, 2}, {2, 1}), {twelve("k")}));
  EXPECT_EQ(file.tensor(file.root()).floats(), (std::vector<float>{4, 5, 6, 7}));
  EXPECT_EQ(refusal(legacy_file(tensor(view, 0, {6}, {1}), {twelve("k")})).code(), "torch-range");
}

TEST(TorchFile, BoundsTensorsThatRepeatTheirElements) {
  for (const Container container : kContainers) {
    const TorchFile file = read(container(of_twelve(0, {1000000, 1000000}, {0, 0}), {twelve("k")}));
    const Error error = thrown_by([&] { file.tensor(file.root()); });
    EXPECT_EQ(error.code(), "torch-range");
    EXPECT_THAT(error.what(), HasSubstr("repeats the elements of a storage of 48 bytes"));
  }
}

TEST(TorchFile, RefusesStoragesThatAreNotThere) {
  const std::string body = of_twelve(0, {3}, {1});
  EXPECT_THAT(refusal(zip_file(body, {})).what(), HasSubstr("storage \"k\" is not in the file"));
  EXPECT_THAT(refusal(legacy_file(body, {})).what(), HasSubstr("storage \"k\" is not in the file"));
  EXPECT_THAT(refusal(zip_file(body, {{"k", 11, std::string(47, 'x')}})).what(),
              HasSubstr("should have 12 elements of F32, found 47 bytes"));
  EXPECT_THAT(refusal(legacy_file(body, {{"k", 11, std::string(44, 'x')}})).what(),
              HasSubstr("has 11 elements; expected 12"));
  EXPECT_EQ(refusal(legacy_file(body, {{"k", 12, std::string(47, 'x')}})).code(),
            "torch-truncated");
  EXPECT_THAT(refusal(legacy_file(body, {twelve("k"), twelve("l")})).what(),
              HasSubstr("\"l\", which nothing refers to"));
  EXPECT_THAT(refusal(legacy_file(body, {twelve("k"), twelve("k")})).what(), HasSubstr("twice"));
  EXPECT_THAT(refusal(legacy_file(body, {twelve("k")}) + "more").what(),
              HasSubstr("4 bytes follow"));
  const std::string two = tuple({storage("FloatStorage", "k", 12), storage("LongStorage", "k", 6)});
  EXPECT_THAT(refusal(legacy_file(two, {twelve("k")})).what(),
              HasSubstr("12 elements of F32 and 6 of I64"));
}

TEST(TorchFile, RefusesOtherFilesByName) {
  EXPECT_STREQ(refusal("").what(), "x.pt: is empty");
  EXPECT_THAT(refusal("hello").what(), HasSubstr("not a file of torch.save"));
  EXPECT_THAT(refusal(pickle(dict({}))).what(), HasSubstr("none that torch.save wrote"));
  EXPECT_THAT(refusal(made::zip({{"x.npy", "abc"}}).bytes).what(), HasSubstr("an .npz perhaps"));
  EXPECT_THAT(
      refusal(made::zip({{"a/data.pkl", pickle("N")}, {"b/data.pkl", pickle("N")}}).bytes).what(),
      HasSubstr("two archives of PyTorch, \"a\" and \"b\""));
  EXPECT_EQ(
      refusal(made::zip({{"a/data.pkl", pickle("N")}, {"a/constants.pkl", pickle("N")}}).bytes)
          .code(),
      "torch-script");
  EXPECT_THAT(
      refusal(made::zip({{"a/data.pkl", pickle("N")}, {"a/byteorder", "big"}}).bytes).what(),
      HasSubstr("byte order is \"big\""));
  EXPECT_THAT(refusal(made::zip({{"a/data.pkl", pickle("N") + "N."}}).bytes).what(),
              HasSubstr("data.pkl ends at byte 4 of 6"));
  std::string big_endian = legacy_file("N", {});
  big_endian[big_endian.find("little_endian") + 13] = '\x89';
  EXPECT_THAT(refusal(big_endian).what(), HasSubstr("big-endian"));
  std::string protocol = legacy_file("N", {});
  ++protocol[protocol.find("\xe9\x03")];
  EXPECT_THAT(refusal(protocol).what(), HasSubstr("is of protocol 1002; known is 1001"));
}

TEST(TorchFile, ReadsFromAPath) {
  const support::TempFolder folder;
  support::spill(folder / "a.pt", zip_file(of_twelve(3, {1}, {1}), {twelve("k")}));
  const TorchFile file = TorchFile::read(folder / "a.pt");
  EXPECT_EQ(file.tensor(file.root()).floats(), std::vector<float>{3});
  EXPECT_EQ(file.where(), (folder / "a.pt").string());
  EXPECT_EQ(file.size(), std::filesystem::file_size(folder / "a.pt"));
  EXPECT_EQ(thrown_by([&] { TorchFile::read(folder / "b.pt"); }).code(), "file-missing");
}

// A small file with something of everything.
std::string small(Container container) {
  return container(
      dict({str("model"), object("glow", "WN", {str("w"), of_twelve(0, {4, 3}, {1, 4})}), str("n"),
            "K\5"}),
      {twelve("k")});
}

TEST(TorchFile, RefusesEveryTruncation) {
  for (const Container container : kContainers) {
    const std::string whole = small(container);
    ASSERT_NO_THROW(read(whole));
    for (size_t length = 0; length < whole.size(); ++length)
      EXPECT_EQ(refusal(whole.substr(0, length)).fault(), Fault::input) << length;
  }
}

// Whatever a flipped bit makes of the file: it is read and its tensors too, or it is refused.
TEST(TorchFile, SurvivesEveryFlippedBit) {
  for (const Container container : kContainers) {
    const std::string whole = small(container);
    const size_t data = whole.find(twelve("k").bytes), program = whole.find("glow");
    for (size_t bit = 0; bit < whole.size() * 8; ++bit) {
      std::string flipped = whole;
      flipped[bit / 8] ^= static_cast<char>(1 << bit % 8);
      bool refused = false;
      try {
        const TorchFile file = read(flipped);
        if (const Value root = file.root(); root.is_dict())
          if (const auto model = root.find("model"); model && model->is_record())
            if (const auto w = model->attribute("w"); w && w->is_tensor()) file.tensor(*w);
      } catch (const Error& error) {
        refused = true;
        EXPECT_EQ(error.fault(), Fault::input) << error.what();
      }
      const size_t at = bit / 8;
      // The checksums of the zip container notice every bit of what is stored.
      const bool summed =
          container == zip_file && ((at >= data && at < data + 48) || at == program);
      if (summed) {
        EXPECT_TRUE(refused) << at;
      }
    }
  }
}

}  // namespace
}  // namespace fluvox::imports
