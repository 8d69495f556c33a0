#include "flow/model_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "core/error.h"
#include "flow/safetensors.h"
#include "support/corrupt.h"
#include "support/temp_folder.h"
#include "support/throws.h"

namespace fluvox::flow {
namespace {

using support::for_each_flipped_bit;
using support::for_each_truncation;
using support::slurp;
using support::TempFolder;
using support::thrown_by;
using testing::AllOf;
using testing::HasSubstr;

Spec some_spec() {
  Spec spec;
  spec.model = "tiny";
  spec.mel = {{"sample_rate", 22050}, {"floor", 1e-5}};
  spec.steps = {Json{{"kind", "squeeze"}, {"group", 2}}, Json{{"kind", "invertible1x1"}}};
  spec.sigma = 0.8;
  spec.provenance = {{"who", "Jürgen \"J\" \n"}, {"loss", -5.25}, {"steps", 18446744073709551615u}};
  return spec;
}

Tensors some_tensors() {
  Tensors tensors;
  tensors["steps.1.weight"] = HostTensor::of({1, 0.5f, -0.25f, 1}, {2, 2});
  tensors["count"] = {DType::u8, {1}, {std::byte{3}}};
  return tensors;
}

std::string dump(const Spec& spec) { return to_json(spec).dump(); }

class ModelFile : public testing::Test {
 protected:
  // A file with this as its metadata; `{hash}` in it stands for the right hash of `json`.
  void write_raw(Json json, bool hashed = true) {
    if (hashed) {
      json.erase("sha256");
      json["sha256"] = hash_content(json.dump(), some_tensors());
    }
    write_safetensors(path_, some_tensors(), {{"fluvox", json.dump()}});
  }

  std::string refusal(const std::string& code) {
    const Error error = thrown_by([&] { read_model(path_); });
    EXPECT_EQ(error.code(), code) << error.what();
    EXPECT_EQ(error.fault(), Fault::input);
    EXPECT_THAT(error.what(), HasSubstr("m.safetensors"));
    return error.what();
  }

  TempFolder folder_;
  const std::filesystem::path path_ = folder_ / "m.safetensors";
};

TEST_F(ModelFile, RoundTrip) {
  write_model(path_, some_spec(), some_tensors());
  const Model model = read_model(path_);
  EXPECT_EQ(dump(model.spec), dump(some_spec()));
  EXPECT_EQ(model.tensors, some_tensors());
  EXPECT_EQ(model.sha256, hash_of(some_spec(), some_tensors()));
  EXPECT_EQ(model.sha256, hash_content(dump(some_spec()), some_tensors()));

  write_model(folder_ / "again", model.spec, model.tensors);
  EXPECT_EQ(slurp(folder_ / "again"), slurp(path_));

  write_model(path_, {}, {});
  EXPECT_EQ(dump(read_model(path_).spec), dump({}));
  EXPECT_EQ(read_model(path_).spec.base, (Json{{"kind", "normal"}}));
}

TEST_F(ModelFile, AForeignFileIsPointedToConvert) {
  write_safetensors(path_, some_tensors(), {{"format", "pt"}});
  EXPECT_THAT(refusal("model-missing"),
              AllOf(HasSubstr("not a Fluvox model"), HasSubstr("fluvox convert")));
}

TEST_F(ModelFile, OtherMetadataIsNoneOfOurs) {
  Json json = to_json(some_spec());
  json["sha256"] = hash_of(some_spec(), some_tensors());
  write_safetensors(path_, some_tensors(), {{"fluvox", json.dump(2)}, {"format", "pt"}});
  EXPECT_EQ(dump(read_model(path_).spec), dump(some_spec()));
}

TEST_F(ModelFile, UnknownVersionsAreRefusedByNumber) {
  for (const Json& version : {Json(2), Json(0), Json(-1), Json("1"), Json(nullptr), Json(1.5)}) {
    Json json = to_json(some_spec());
    json["format"] = version;
    json["of_the_future"] = 1;
    write_raw(json);
    EXPECT_THAT(refusal("model-format-unknown"), HasSubstr("found " + version.dump()));
  }
  Json json = to_json(some_spec());
  json.erase("format");
  write_raw(json);
  EXPECT_THAT(refusal("model-format-unknown"), HasSubstr("found none"));
}

TEST_F(ModelFile, UnknownKeysAreRefusedByName) {
  Json json = to_json(some_spec());
  json["sigmo"] = 1;
  write_raw(json);
  EXPECT_THAT(refusal("config-invalid"), AllOf(HasSubstr("'sigmo'"), HasSubstr("'sigma'")));
}

TEST_F(ModelFile, ValuesOfTheWrongKind) {
  for (const auto& [key, value] : {std::pair{"sigma", Json("x")},
                                   {"sigma", Json(-1)},
                                   {"steps", Json(1)},
                                   {"model", Json(1)}}) {
    Json json = to_json(some_spec());
    json[key] = value;
    write_raw(json);
    EXPECT_THAT(refusal("config-invalid"), HasSubstr(key));
  }
  for (const char* source : {"[]", "1", "\"x\""}) {
    write_safetensors(path_, {}, {{"fluvox", source}});
    refusal("spec-invalid");
  }
  for (const char* source : {"", "{", R"({"format":1,"format":1})", R"({"mel":{"a":1,"a":1}})"}) {
    write_safetensors(path_, {}, {{"fluvox", source}});
    refusal("json-invalid");
  }
}

TEST_F(ModelFile, TheHashIsThereAndRight) {
  write_raw(to_json(some_spec()), false);
  refusal("model-hash-missing");
  Json json = to_json(some_spec());
  json["sha256"] = 1;
  write_raw(json, false);
  refusal("model-hash-missing");
  json["sha256"] = std::string(64, '0');
  write_raw(json, false);
  EXPECT_THAT(
      refusal("model-hash-mismatch"),
      AllOf(HasSubstr(std::string(64, '0')), HasSubstr(hash_of(some_spec(), some_tensors()))));
}

TEST_F(ModelFile, AnySwapOrChangeOfTensorsIsAMismatch) {
  write_model(path_, some_spec(), some_tensors());
  const Safetensors file = read_safetensors(path_);
  const auto refused_after = [&](auto change) {
    Tensors tensors = file.tensors;
    change(tensors);
    write_safetensors(path_, tensors, file.metadata);
    refusal("model-hash-mismatch");
  };
  refused_after([](Tensors& t) { t["more"] = {DType::u8, {0}, {}}; });
  refused_after([](Tensors& t) { t.erase("count"); });
  refused_after([](Tensors& t) { t["steps.1.weight"].shape = {4}; });
  refused_after([](Tensors& t) { t["count"].type = DType::i8; });
  refused_after([](Tensors& t) { t["counts"] = t.extract("count").mapped(); });
}

TEST_F(ModelFile, EveryFlippedBitIsRefusedOrChangesNothing) {
  write_model(path_, some_spec(), some_tensors());
  size_t refused = 0, bits = std::filesystem::file_size(path_) * 8;
  for_each_flipped_bit(path_, [&](size_t bit) {
    try {
      const Model model = read_model(path_);
      EXPECT_EQ(dump(model.spec), dump(some_spec())) << bit;
      EXPECT_EQ(model.tensors, some_tensors()) << bit;
    } catch (const Error& error) {
      ++refused;
      EXPECT_EQ(error.fault(), Fault::input) << bit;
    }
  });
  // What may go unseen is another spelling of the same: 1e-05 and 1E-05.
  EXPECT_GT(refused + 8, bits);
  EXPECT_EQ(read_model(path_).tensors, some_tensors());
}

TEST_F(ModelFile, EveryTruncationIsRefused) {
  write_model(path_, some_spec(), some_tensors());
  for_each_truncation(path_, [&](size_t) { refusal("safetensors-truncated"); });
}

TEST_F(ModelFile, WhatCouldNotBeReadBackIsNotWritten) {
  const auto refused = [&](auto change) {
    Spec spec = some_spec();
    change(spec);
    EXPECT_EQ(thrown_by([&] { write_model(path_, spec, {}); }).fault(), Fault::input);
    EXPECT_TRUE(folder_.names().empty());
  };
  refused([](Spec& s) { s.sigma = std::nan(""); });
  refused([](Spec& s) { s.sigma = 11; });
  refused([](Spec& s) { s.format = 2; });
  refused([](Spec& s) { s.model = "\xff"; });
  refused([](Spec& s) {
    for (int i = 0; i < 100; ++i) s.provenance = Json{{"in", s.provenance}};
  });
}

}  // namespace
}  // namespace fluvox::flow
