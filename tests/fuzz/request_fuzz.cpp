// Lines that a server of a model is sent.
#include <algorithm>
#include <span>

#include "core/base64.h"
#include "fuzz/fuzz.h"
#include "runtime/request.h"

namespace fluvox::fuzz {
namespace {

void run(std::string_view input) {
  std::string id;
  const runtime::Request request = runtime::parse_request(input, id);
  expect(request.id == id, "the id that a refusal would go to is that of the request");
  if (request.kind != runtime::Request::Kind::render) return;
  expect(request.input.empty() != request.mel.empty(), "a file or a mel, and one of them");
  expect(request.mel.size() <= input.size(), "no more numbers than characters");
  expect(request.bands == 0 || request.mel.size() % request.bands == 0, "whole frames");
  const auto bytes = std::as_bytes(std::span(request.mel));
  const std::vector<std::byte> again = from_base64(to_base64(bytes), "written again");
  expect(std::equal(again.begin(), again.end(), bytes.begin(), bytes.end()),
         "base64, written and read: the same");
}

std::vector<std::string> seeds() {
  return {R"({"id":"a","input":"speech.npy","seed":1,"sigma":0.5,"chunk":8,"encoding":"s24"})",
          R"({"id":"b","mel":[[-4.1,1e-3],[0,7]],"name":"other"})",
          R"({"id":"c","mel_base64":"AACAvwAAgD8="})", R"({"cancel":"a"})", R"({"quit":true})"};
}

}  // namespace

const Target request = {"request", run, seeds};

}  // namespace fluvox::fuzz
