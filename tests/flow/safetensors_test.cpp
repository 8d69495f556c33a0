#include "flow/safetensors.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstring>
#include <stdexcept>

#include "core/error.h"
#include "core/sha256.h"
#include "flow/safetensors_header.h"
#include "support/corrupt.h"
#include "support/temp_folder.h"
#include "support/throws.h"

namespace fluvox::flow {
namespace {

using support::for_each_flipped_bit;
using support::for_each_truncation;
using support::slurp;
using support::spill;
using support::TempFolder;
using support::thrown_by;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

// A file as the format describes it, made without the writer.
std::string file_of(const std::string& header, const std::string& data) {
  std::string file;
  for (int i = 0; i < 8; ++i) file += static_cast<char>(header.size() >> 8 * i & 255);
  return file + header + data;
}

class SafetensorsFile : public testing::Test {
 protected:
  Safetensors read(const std::string& file) {
    spill(folder_ / "x.safetensors", file);
    return read_safetensors(folder_ / "x.safetensors");
  }

  std::string refusal(const std::string& file, const std::string& code = "safetensors-invalid") {
    const Error error = thrown_by([&] { read(file); });
    EXPECT_EQ(error.code(), code) << error.what();
    EXPECT_EQ(error.fault(), Fault::input);
    EXPECT_THAT(error.what(), HasSubstr("x.safetensors"));
    return error.what();
  }

  std::string refused_header(const std::string& header, size_t data = 0) {
    return refusal(file_of(header, std::string(data, '\0')));
  }

  TempFolder folder_;
};

Tensors some_tensors() {
  Tensors tensors;
  tensors["w.b"] = HostTensor::of({1, 2, 3, 4, 5, 6}, {2, 3});
  tensors["a"] = {DType::u8, {3}, {std::byte{1}, std::byte{2}, std::byte{255}}};
  tensors["scalar"] = {DType::f64, {}, std::vector<std::byte>(8, std::byte{0x40})};
  tensors["empty"] = {DType::bf16, {0, 7}, {}};
  tensors["Ünïcode \"x\" \n"] = {DType::boolean, {1, 1}, {std::byte{1}}};
  return tensors;
}

TEST_F(SafetensorsFile, OneWrittenByHandByteByByte) {
  const unsigned char bytes[] = {
      76,  0,   0,    0,    0,   0,   0,    0,  // length of the header
      '{', '"', 't',  '"',  ':', '{', '"',  'd', 't', 'y', 'p', 'e', '"', ':',  //
      '"', 'F', '3',  '2',  '"', ',', '"',  's', 'h', 'a', 'p', 'e', '"', ':',  //
      '[', '1', ',',  '2',  ']', ',', '"',  'd', 'a', 't', 'a', '_', 'o', 'f', 'f', 's',
      'e', 't', 's',  '"',  ':', '[', '0',  ',', '8', ']', '}', '}', ' ', ' ', ' ', ' ',
      ' ', ' ', ' ',  ' ',  ' ', ' ', ' ',  ' ', ' ', ' ', ' ', ' ', ' ', ' ', ' ', ' ',  //
      0,   0,   0x80, 0x3f, 0,   0,   0x20, 0xc0};  // 1 and -2.5
  std::string file(sizeof bytes, '\0');
  std::memcpy(file.data(), bytes, sizeof bytes);
  const Safetensors found = read(file);
  ASSERT_EQ(found.tensors.size(), 1u);
  EXPECT_TRUE(found.metadata.empty());
  const HostTensor& tensor = found.tensors.at("t");
  EXPECT_EQ(tensor.type, DType::f32);
  EXPECT_THAT(tensor.shape, ElementsAre(1, 2));
  EXPECT_THAT(tensor.floats(), ElementsAre(1.0f, -2.5f));
}

TEST_F(SafetensorsFile, AnyOrderInTheHeaderAndInTheData) {
  const Safetensors found = read(file_of(R"({"b" : {"data_offsets":[0,2],"shape":[2],"dtype":"I8"},
    "z":{"shape":[0],"dtype":"F32","data_offsets":[2,2]},
    "__metadata__":{"who":"me","":""}, "a":{"dtype":"U8","shape":[],"data_offsets":[2,3]}})",
                                         "xyz"));
  EXPECT_EQ(found.tensors.at("b").bytes, (std::vector{std::byte{'x'}, std::byte{'y'}}));
  EXPECT_EQ(found.tensors.at("a").bytes, (std::vector{std::byte{'z'}}));
  EXPECT_TRUE(found.tensors.at("z").bytes.empty());
  EXPECT_EQ(found.metadata, (Metadata{{"who", "me"}, {"", ""}}));
}

TEST_F(SafetensorsFile, TheWriterWritesExactlyThis) {
  Tensors tensors;
  tensors["b"] = HostTensor::of({1}, {1});
  tensors["a"] = {DType::i16, {2, 1}, std::vector<std::byte>(4, std::byte{7})};
  write_safetensors(folder_ / "w", tensors, {{"k", "v\""}});
  std::string header =
      R"({"__metadata__":{"k":"v\""},"a":{"dtype":"I16","shape":[2,1],"data_offsets":[0,4]},)"
      R"("b":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}})";
  while (header.size() % 8) header += ' ';
  EXPECT_EQ(slurp(folder_ / "w"), file_of(header, std::string("\7\7\7\7\0\0\x80\x3f", 8)));
}

TEST_F(SafetensorsFile, RoundTrip) {
  const Metadata metadata{{"fluvox", R"({"a": "\u0000é"})"}, {"note", std::string("a\0b", 3)}};
  for (const bool with_tensors : {true, false}) {
    const Tensors tensors = with_tensors ? some_tensors() : Tensors{};
    write_safetensors(folder_ / "w", tensors, metadata);
    const Safetensors found = read_safetensors(folder_ / "w");
    EXPECT_EQ(found.tensors, tensors);
    EXPECT_EQ(found.metadata, metadata);
  }
  write_safetensors(folder_ / "w", {}, {});
  EXPECT_EQ(slurp(folder_ / "w"), file_of("{}      ", ""));
  EXPECT_TRUE(read_safetensors(folder_ / "w").tensors.empty());
}

TEST_F(SafetensorsFile, EveryTruncationIsRefused) {
  write_safetensors(folder_ / "w", some_tensors(), {{"k", "v"}});
  EXPECT_THAT(refusal(slurp(folder_ / "w") + "x"), HasSubstr("1 bytes are left over"));
  for_each_truncation(folder_ / "w", [&](size_t length) {
    const Error error = thrown_by([&] { read_safetensors(folder_ / "w"); });
    EXPECT_EQ(error.code(), "safetensors-truncated") << length;
  });
}

TEST_F(SafetensorsFile, TheLengthOfTheHeader) {
  EXPECT_THAT(refusal(std::string("\0\xe1\xf5\5\0\0\0\0", 8), "safetensors-truncated"),
              HasSubstr("100000000"));
  EXPECT_THAT(refusal(std::string("\1\xe1\xf5\5\0\0\0\0", 8)),
              AllOf(HasSubstr("100000000"), HasSubstr("100000001")));
  EXPECT_THAT(refusal(std::string(8, '\xff') + "{}"), HasSubstr("18446744073709551615"));
  EXPECT_THAT(refusal(std::string(8, '\0')), HasSubstr("'{'"));
  EXPECT_THAT(refusal("", "safetensors-truncated"), HasSubstr("found 0"));
}

TEST_F(SafetensorsFile, TheHeaderIsOneJsonObject) {
  for (const std::string header :
       {" {}", "[]", "\xef\xbb\xbf{}", "{", "{}}", "{}x", "{} {}", "{\"a\":}", "{'a':{}}", "{,}",
        "{\"\xff\":{}}", "{/**/}", "{\"__metadata__\":{\"k\":1e999}}"})
    refused_header(header);
  EXPECT_THAT(refused_header(std::string("{}\0 ", 4)), HasSubstr("zero byte at 2"));
  refused_header("{\"a\":" + std::string(1000000, '['));
  std::string deep;
  for (int i = 0; i < 100000; ++i) deep += "{\"a\":";
  refused_header(deep);
  EXPECT_NO_THROW(read(file_of("{}\n\t  ", "")));
}

TEST_F(SafetensorsFile, NoNameTwiceAnywhere) {
  const std::string entry = R"({"dtype":"U8","shape":[1],"data_offsets":[0,1]})";
  EXPECT_THAT(refused_header("{\"a\":" + entry + ",\"a\":" + entry + "}", 1),
              AllOf(HasSubstr("\"a\""), HasSubstr("twice")));
  EXPECT_THAT(refused_header("{\"a\":" + entry + ",\"\\u0061\":" + entry + "}", 1),
              HasSubstr("twice"));
  EXPECT_THAT(refused_header(R"({"__metadata__":{},"__metadata__":{}})"), HasSubstr("twice"));
  EXPECT_THAT(refused_header(R"({"__metadata__":{"k":"1","k":"1"}})"),
              AllOf(HasSubstr("\"k\""), HasSubstr("twice")));
  for (const char* key : {R"("dtype":"U8")", R"("shape":[1])", R"("data_offsets":[0,1])"})
    EXPECT_THAT(refused_header("{\"a\":" + entry.substr(0, entry.size() - 1) + "," + key + "}}", 1),
                AllOf(HasSubstr("tensor \"a\""), HasSubstr("twice")));
}

TEST_F(SafetensorsFile, AnEntryHasItsThreeKeysOfTheirKinds) {
  const auto with = [&](const std::string& keys) {
    const std::string words = refused_header("{\"the one\":" + keys + "}", 4);
    EXPECT_THAT(words, HasSubstr("\"the one\""));
    return words;
  };
  EXPECT_THAT(with(R"({"shape":[4],"data_offsets":[0,4]})"), HasSubstr("\"dtype\" is missing"));
  EXPECT_THAT(with(R"({"dtype":"U8","data_offsets":[0,4]})"), HasSubstr("\"shape\" is missing"));
  EXPECT_THAT(with(R"({"dtype":"U8","shape":[4]})"), HasSubstr("\"data_offsets\" is missing"));
  EXPECT_THAT(with(R"({"dtype":"U8","shape":[4],"data_offsets":[0,4],"colour":1})"),
              HasSubstr("\"colour\""));
  for (const char* other : {"1", "-1", "1.5", "null", "true", "\"x\"", "[]"}) with(other);
  for (const char* dtype : {"1", "null", "[]", "{}", "false"})
    with(text(R"({"shape":[4],"data_offsets":[0,4],"dtype":)", dtype, "}"));
  for (const char* shape :
       {"4", "\"4\"", "{}", "[[4]]", "[4.0]", "[-4]", "[\"4\"]", "[null]", "[{}]", "[true]",
        "[9223372036854775808]", "[1e2]", "[18446744073709551616]"})
    with(text(R"({"dtype":"U8","data_offsets":[0,4],"shape":)", shape, "}"));
  for (const char* offsets : {"4", "\"0,4\"", "{}", "[]", "[0]", "[0,4,4]", "[[0,4]]", "[-0,4]",
                              "[0,4.0]", "[0,null]", "[0,18446744073709551616]"})
    with(text(R"({"dtype":"U8","shape":[4],"data_offsets":)", offsets, "}"));
  EXPECT_NO_THROW(
      read(file_of(R"({"the one":{"dtype":"U8","shape":[4],"data_offsets":[0,4]}})", "abcd")));
}

TEST_F(SafetensorsFile, UnknownTypesAreRefusedByName) {
  for (const std::string type : {"F8_E4M3", "U16", "U32", "U64", "C64", "f32", ""})
    EXPECT_THAT(
        refused_header(R"({"t":{"dtype":")" + type + R"(","shape":[0],"data_offsets":[0,0]}})"),
        AllOf(HasSubstr("tensor \"t\""), HasSubstr('"' + type + '"')));
}

TEST_F(SafetensorsFile, MetadataHoldsStrings) {
  for (const char* value : {"1", "-1", "null", "true", "1.5", "{}", "[]", "[\"a\"]"})
    EXPECT_THAT(refused_header(text(R"({"__metadata__":{"k":)", value, "}}")),
                HasSubstr("a string for the key \"k\""));
  for (const char* value : {"1", "\"a\"", "[]", "null"})
    EXPECT_THAT(refused_header(text(R"({"__metadata__":)", value, "}")),
                HasSubstr("\"__metadata__\""));
}

TEST_F(SafetensorsFile, ShapesThatOverflow) {
  const auto with = [&](const std::string& type, const std::string& shape,
                        const std::string& offsets) {
    return refused_header("{\"t\":{\"dtype\":\"" + type + "\",\"shape\":" + shape +
                              ",\"data_offsets\":" + offsets + "}}",
                          4);
  };
  EXPECT_THAT(with("U8", "[4294967296,4294967296]", "[0,4]"),
              HasSubstr("[4294967296, 4294967296]"));
  EXPECT_THAT(with("F32", "[4611686018427387905]", "[0,4]"), HasSubstr("counted"));
  EXPECT_THAT(with("F64", "[2305843009213693952]", "[0,0]"), HasSubstr("counted"));
  std::string many = "[1";
  for (int i = 1; i < 65; ++i) many += ",1";
  EXPECT_THAT(with("F32", many + "]", "[0,4]"), HasSubstr("64 dimensions"));
}

TEST_F(SafetensorsFile, OffsetsMatchShapesAndCoverTheData) {
  const auto two = [&](const std::string& a, const std::string& b) {
    return file_of(R"({"a":{"dtype":"U8","shape":[2],"data_offsets":)" + a +
                       R"(},"b":{"dtype":"U8","shape":[2],"data_offsets":)" + b + "}}",
                   "abcd");
  };
  EXPECT_NO_THROW(read(two("[2,4]", "[0,2]")));
  EXPECT_THAT(refusal(two("[0,2]", "[0,2]")), AllOf(HasSubstr("\"b\""), HasSubstr("found 0")));
  EXPECT_THAT(refusal(two("[0,2]", "[1,3]")), AllOf(HasSubstr("begin at 2"), HasSubstr("found 1")));
  EXPECT_THAT(refusal(two("[0,2]", "[3,5]")), HasSubstr("found 3"));
  EXPECT_THAT(refusal(two("[1,3]", "[3,5]")), AllOf(HasSubstr("\"a\""), HasSubstr("begin at 0")));
  EXPECT_THAT(refusal(two("[0,2]", "[2,3]")), AllOf(HasSubstr("\"b\""), HasSubstr("2 bytes")));
  EXPECT_THAT(refusal(two("[0,2]", "[4,2]")), HasSubstr("[4, 2]"));
  EXPECT_THAT(refusal(two("[0,2]", "[18446744073709551615,1]")), HasSubstr("\"b\""));
  EXPECT_THAT(refusal(two("[0,3]", "[3,4]")), HasSubstr("expected 2 bytes for U8 of shape [2]"));
  // Modulo 2^64 this has as many bytes as its offsets say.
  EXPECT_THAT(
      refusal(file_of(R"({"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"b":{)"
                      R"("dtype":"U8","shape":[2,9223372036854775807],"data_offsets":[2,0]}})",
                      "ab")),
      HasSubstr("[2, 0]"));
  EXPECT_THAT(refusal(two("[0,2,2]", "[2,4]")), HasSubstr("found the number 2"));
  EXPECT_THAT(refused_header("{}", 3), HasSubstr("3 bytes are left over"));
  // What a tensor claims is compared with the file before memory is taken for it.
  EXPECT_THAT(refusal(file_of(R"({"t":{"dtype":"U8","shape":[1000000000000000000],)"
                              R"("data_offsets":[0,1000000000000000000]}})",
                              "abcd"),
                      "safetensors-truncated"),
              AllOf(HasSubstr("\"t\""), HasSubstr("1000000000000000000"), HasSubstr("by 4")));
}

TEST_F(SafetensorsFile, ManyTinyEntriesAreRefused) {
  std::string tensors = "{", strings = R"({"__metadata__":{)";
  for (size_t i = 0; i <= kMaxEntries; ++i) {
    tensors += text(i ? "," : "", '"', i, R"(":{"dtype":"U8","shape":[0],"data_offsets":[0,0]})");
    strings += text(i ? "," : "", '"', i, R"(":"")");
  }
  EXPECT_THAT(refused_header(tensors + "}"), HasSubstr("100000 tensors"));
  EXPECT_THAT(refused_header(strings + "}}"), HasSubstr("100000 strings"));
}

// Nothing but the bytes of a tensor, or of a string, may change without being noticed.
TEST_F(SafetensorsFile, NoFlippedBitCrashesOrShiftsATensor) {
  write_safetensors(folder_ / "w", some_tensors(), {{"k", "v"}});
  size_t accepted = 0, refused = 0;
  for_each_flipped_bit(folder_ / "w", [&](size_t bit) {
    try {
      const Safetensors found = read_safetensors(folder_ / "w");
      ++accepted;
      size_t bytes = 0;
      for (const auto& [name, tensor] : found.tensors) {
        EXPECT_EQ(tensor.bytes.size(), tensor.count() * size_of(tensor.type)) << bit;
        bytes += tensor.bytes.size();
      }
      EXPECT_EQ(bytes, 36u) << bit;
    } catch (const Error& error) {
      ++refused;
      EXPECT_EQ(error.fault(), Fault::input) << bit;
    }
  });
  EXPECT_GE(accepted, 36u * 8);
  EXPECT_GT(refused, accepted);
}

TEST_F(SafetensorsFile, WhatIsNoFile) {
  EXPECT_EQ(thrown_by([&] { read_safetensors(folder_ / "none"); }).code(), "file-missing");
  EXPECT_EQ(thrown_by([&] { read_safetensors(folder_.path()); }).code(), "file-missing");
  EXPECT_EQ(thrown_by([&] { read_safetensors("/dev/zero"); }).code(), "file-missing");
  ASSERT_EQ(::mkfifo((folder_ / "pipe").c_str(), 0600), 0);
  EXPECT_THAT(thrown_by([&] { read_safetensors(folder_ / "pipe"); }).what(), HasSubstr("pipe"));
}

TEST_F(SafetensorsFile, TheWriterRefusesWhatItCouldNotRead) {
  const auto refuses = [&](const std::string& name, HostTensor tensor) {
    EXPECT_THROW(write_safetensors(folder_ / "w", {{name, std::move(tensor)}}, {}),
                 std::logic_error);
  };
  refuses("short", {DType::f32, {2}, std::vector<std::byte>(4)});
  refuses("odd", {DType::f32, {1}, std::vector<std::byte>(5)});
  refuses("negative", {DType::f32, {-1}, {}});
  refuses("__metadata__", {DType::u8, {0}, {}});
  refuses("rank", {DType::u8, std::vector<int64_t>(65, 1), std::vector<std::byte>(1)});
  EXPECT_ANY_THROW(write_safetensors(folder_ / "w", {}, {{"k", "\xff"}}));
  EXPECT_TRUE(folder_.names().empty());
}

// The stream as safetensors.h describes it, put together by hand.
TEST(HashContent, IsTheHashOfTheDescribedStream) {
  const auto number = [](char n) { return n + std::string(7, '\0'); };
  Tensors tensors;
  tensors["b"] = {DType::u8, {1, 2}, {std::byte{'x'}, std::byte{'y'}}};
  tensors["aa"] = {DType::i16, {}, {std::byte{'p'}, std::byte{'q'}}};
  EXPECT_EQ(hash_content("hello", tensors),
            sha256_hex(number(5) + "hello" + number(2) +                                         //
                       number(2) + "aa" + number(3) + "I16" + number(0) + number(2) + "pq" +     //
                       number(1) + "b" + number(2) + "U8" + number(2) + number(1) + number(2) +  //
                       number(2) + "xy"));
}

TEST(HashContent, SeesEveryPart) {
  const Tensors before = some_tensors();
  const std::string hash = hash_content("t", before);
  EXPECT_NE(hash_content("u", before), hash);
  const auto changed = [&](auto change) {
    Tensors after = before;
    change(after);
    return hash_content("t", after) != hash;
  };
  EXPECT_FALSE(changed([](Tensors&) {}));
  EXPECT_TRUE(changed([](Tensors& t) { t.erase("empty"); }));
  EXPECT_TRUE(changed([](Tensors& t) { t["empty"].shape = {7, 0}; }));
  EXPECT_TRUE(changed([](Tensors& t) { t["w.b"].shape = {3, 2}; }));
  EXPECT_TRUE(changed([](Tensors& t) { t["w.b"].shape = {6}; }));
  EXPECT_TRUE(changed([](Tensors& t) { t["a"].type = DType::i8; }));
  EXPECT_TRUE(changed([](Tensors& t) { t["a"].bytes[2] = std::byte{254}; }));
  EXPECT_TRUE(changed([](Tensors& t) { t["b"] = t.extract("a").mapped(); }));
}

}  // namespace
}  // namespace fluvox::flow
