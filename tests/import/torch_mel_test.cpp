#include "import/torch_mel.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "import/made_torch.h"
#include "support/temp_folder.h"
#include "support/throws.h"

namespace fluvox::imports {
namespace {

using namespace made;
using support::thrown_by;
using testing::ElementsAre;
using testing::HasSubstr;

std::string mel(std::initializer_list<int64_t> shape, std::initializer_list<int64_t> stride,
                const std::vector<Stored>& stored = {{"0", 6, raw<float>({1, 2, 3, 4, 5, 6})}},
                const std::string& type = "FloatStorage") {
  return zip_file(tensor(storage(type, "0", stored[0].count), 0, shape, stride), stored);
}
Error refusal(const std::string& bytes) {
  return thrown_by([&] { parse_torch_mel(bytes, "x.pt"); });
}

TEST(TorchMel, ReadsFloatAndHalfOfEitherShape) {
  TorchArray read = parse_torch_mel(mel({2, 3}, {3, 1}), "x.pt");
  EXPECT_THAT(read.shape, ElementsAre(2, 3));
  EXPECT_THAT(read.values, ElementsAre(1, 2, 3, 4, 5, 6));
  read = parse_torch_mel(mel({1, 3, 2}, {6, 1, 3}), "x.pt");
  EXPECT_THAT(read.shape, ElementsAre(1, 3, 2));
  EXPECT_THAT(read.values, ElementsAre(1, 4, 2, 5, 3, 6));
  const Stored half{"0", 2, raw<uint16_t>({0x3c00, 0xc100})};
  read = parse_torch_mel(mel({1, 2}, {2, 1}, {half}, "HalfStorage"), "x.pt");
  EXPECT_THAT(read.values, ElementsAre(1, -2.5));
  const support::TempFolder folder;
  support::spill(folder / "a.pt", mel({3, 2}, {2, 1}));
  EXPECT_THAT(read_torch_mel(folder / "a.pt").shape, ElementsAre(3, 2));
}

TEST(TorchMel, RefusesWhatIsNoMel) {
  EXPECT_THAT(refusal(zip_file("}", {})).what(),
              HasSubstr("x.pt: expected a single tensor, a mel of shape (80, frames), found a "
                        "dictionary"));
  EXPECT_THAT(refusal(mel({6}, {1})).what(), HasSubstr("found [6]"));
  EXPECT_THAT(refusal(mel({2, 3, 1}, {3, 1, 1})).what(), HasSubstr("found [2, 3, 1]"));
  EXPECT_THAT(refusal(mel({2, 0}, {1, 1})).what(), HasSubstr("found [2, 0]"));
  const Stored whole{"0", 2, raw<int64_t>({1, 2})};
  EXPECT_THAT(refusal(mel({1, 2}, {2, 1}, {whole}, "LongStorage")).what(),
              HasSubstr("found elements of I64"));
}

TEST(TorchMel, RefusesWhatIsNotFiniteWithItsPlace) {
  for (const float bad :
       {std::numeric_limits<float>::quiet_NaN(), -std::numeric_limits<float>::infinity()}) {
    const Error error = refusal(mel({2, 3}, {3, 1}, {{"0", 6, raw<float>({1, 2, 3, 4, bad, 6})}}));
    EXPECT_EQ(error.code(), "torch-mel-not-finite");
    EXPECT_THAT(error.what(), HasSubstr("x.pt: the value at [1, 1]"));
  }
  const Stored wide{"0", 2, raw<double>({1, 1e300})};
  EXPECT_EQ(refusal(mel({1, 2}, {2, 1}, {wide}, "DoubleStorage")).code(), "torch-mel-not-finite");
}

}  // namespace
}  // namespace fluvox::imports
