// The lines that clients send to a server, hostile until read.
#include "runtime/request.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "core/base64.h"
#include "core/error.h"

namespace fluvox::runtime {
namespace {

using testing::AllOf;
using testing::HasSubstr;

Request parse(const std::string& line) {
  std::string id;
  return parse_request(line, id);
}

// The code and message of the refusal, and the id that it knew.
std::string refusal(const std::string& line) {
  std::string id;
  try {
    parse_request(line, id);
  } catch (const Error& error) {
    return "[" + id + "] " + error.code() + ": " + error.what();
  }
  return "taken";
}

TEST(Request, OfAFile) {
  const Request plain = parse(R"({"id": "a", "input": "mels/speech.one.npy"})");
  EXPECT_EQ(plain.kind, Request::Kind::render);
  EXPECT_EQ(plain.id, "a");
  EXPECT_EQ(plain.input, "mels/speech.one.npy");
  EXPECT_EQ(plain.name, "speech.one");
  EXPECT_FALSE(plain.seed);
  EXPECT_FALSE(plain.sigma);
  EXPECT_EQ(plain.chunk, 0);
  EXPECT_EQ(plain.encoding, "");
  const Request all =
      parse(R"({"id":"b","input":"x.wav","name":"y.z","seed":18446744073709551615,"sigma":0.5,)"
            R"("chunk":7,"encoding":"f32"})");
  EXPECT_EQ(all.name, "y.z");
  EXPECT_EQ(*all.seed, 18446744073709551615u);
  EXPECT_EQ(*all.sigma, 0.5);
  EXPECT_EQ(all.chunk, 7);
  EXPECT_EQ(all.encoding, "f32");
}

TEST(Request, OfAMelInIt) {
  const Request rows = parse(R"({"id": "a", "mel": [[1, -2.5, 3e-2], [4, 5, 6]]})");
  EXPECT_EQ(rows.mel, (std::vector<float>{1, -2.5f, 3e-2f, 4, 5, 6}));
  EXPECT_EQ(rows.bands, 3u);
  EXPECT_EQ(rows.name, "a");
  const std::vector<float> values = {1, -2.5f, 3e-2f, 1e-40f};
  const Request coded =
      parse(R"({"id": "a", "mel_base64": ")" + to_base64(std::as_bytes(std::span(values))) + "\"}");
  EXPECT_EQ(coded.mel, values);
  EXPECT_EQ(coded.bands, 0u);
}

TEST(Request, CancelsAndQuits) {
  const Request cancel = parse(R"({"cancel": "a"})");
  EXPECT_EQ(cancel.kind, Request::Kind::cancel);
  EXPECT_EQ(cancel.id, "a");
  EXPECT_EQ(parse(R"({"quit": true})").kind, Request::Kind::quit);
}

TEST(Request, RefusesByNameAndSaysWhoseItWas) {
  const auto with = [](const std::string& rest) { return R"({"id": "a", )" + rest + "}"; };
  for (const auto& [line, expected] : std::vector<std::pair<std::string, std::string>>{
           {"", "[] json-invalid: request"},
           {"{", "[] json-invalid"},
           {"[1]", "[] request-invalid: request: expected an object"},
           {"17", "[] request-invalid"},
           {"{}", "expected \"id\""},
           {R"({"id": 3, "input": "x"})", "[] request-invalid: request: expected \"id\""},
           {R"({"id": "", "input": "x"})", "expected an id of 1 to 256 bytes"},
           {R"({"id": ")" + std::string(257, 'x') + R"(", "input": "x"})", "found 257"},
           {R"({"cancel": 3})", "[] request-invalid: request: cancel: expected a string"},
           {R"({"cancel": "a", "id": "a"})", "unknown key 'id'"},
           {R"({"quit": false})", "expected \"quit\": true"},
           {R"({"quit": 1})", "expected true or false"},
           {with(R"("input": "x", "sead": 1)"), "[a] request-invalid: request: "},
           {with(R"("input": "x", "sead": 1)"), "unknown key 'sead'"},
           {with(R"("input": "x", "seed": -1)"), "out of range"},
           {with(R"("input": "x", "seed": 1.5)"), "expected a whole number"},
           {with(R"("input": "x", "seed": 99999999999999999999)"), "expected a whole number"},
           {with(R"("input": "x", "sigma": 1e999)"), "json-invalid"},
           {with(R"("input": "x", "sigma": 11)"), "expected a value from 0 to 10"},
           {with(R"("input": "x", "sigma": null)"), "expected a number, found null"},
           {with(R"("input": "x", "chunk": 4097)"), "expected a value from 0 to 4096"},
           {with(R"("input": "x", "encoding": "s8")"), "expected one of s16, s24, f32"},
           {with(R"("input": "x", "input": "y")"), "stands twice"},
           {with(R"("seed": 1)"), "found 0 of them"},
           {with(R"("input": "x", "mel": [[1]])"), "found 2 of them"},
           {with(R"("input": "")"), "the name of a file"},
           {with(R"("mel": 3)"), "found number"},
           {with(R"("mel": [])"), "found none"},
           {with(R"("mel": [[]])"), "a frame that is none"},
           {with(R"("mel": [[1, 2], [3]])"), "frames of 2 and of 1"},
           {with(R"("mel": [[1, "2"]])"), "a string among them"},
           {with(R"("mel": [[1, 1e39]])"), "the number 1e+39"},
           {with(R"("mel_base64": "")"), "found 0 bytes"},
           {with(R"("mel_base64": "AAAA")"), "found 3 bytes"},
           {with(R"("mel_base64": "?AAA")"), "[a] base64-invalid: request: mel_base64"},
           {std::string(R"({"id": "a)") + '\0' + R"(", "input": "x"})", "a zero byte"},
           {"{\"id\": \"\xff\", \"input\": \"x\"}", "json-invalid"},
           {with("\"mel\": " + std::string(100000, '[')), "nested more than"},
           {std::string(kMostRequestBytes + 1, ' '), "request-too-long"}})
    EXPECT_THAT(refusal(line), HasSubstr(expected)) << line.substr(0, 200);
}

// Whatever is cut off or changed: it is read or refused, never anything else.
TEST(Request, EveryDamagedLineIsReadOrRefused) {
  const std::string whole =
      R"({"id": "a", "mel": [[1, -2.5], [3e2, 4]], "seed": 12, "sigma": 0.5, "chunk": 3})";
  for (size_t length = 0; length < whole.size(); ++length)
    EXPECT_NE(refusal(whole.substr(0, length)), "taken") << length;
  for (size_t at = 0; at < whole.size(); ++at)
    for (int change = 1; change < 256; ++change) {
      std::string damaged = whole;
      damaged[at] = static_cast<char>(damaged[at] ^ change);
      std::string id;
      try {
        const Request request = parse_request(damaged, id);
        for (const float value : request.mel) EXPECT_TRUE(std::isfinite(value));
      } catch (const Error& error) {
        EXPECT_NE(error.code(), "");
      }
    }
}

}  // namespace
}  // namespace fluvox::runtime
