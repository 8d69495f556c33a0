#include "cli/record.h"

#include <fstream>
#include <vector>

#include "core/atomic_file.h"
#include "core/error.h"
#include "core/sha256.h"
#include "core/strict_json.h"

namespace fs = std::filesystem;

namespace fluvox::cli {
namespace {

constexpr int kFormat = 1;
constexpr size_t kMostRecordBytes = 4096;
constexpr std::streamsize kBlock = 1 << 20;

fs::path record_of(const fs::path& output) {
  return output.parent_path() / ".fluvox" / (output.filename().string() + ".json");
}

// "" where there is no such file, or none that can be read.
std::string hash_of_file(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return "";
  Sha256 hash;
  std::vector<char> block(static_cast<size_t>(kBlock));
  while (file.read(block.data(), kBlock) || file.gcount() > 0)
    hash.update(std::string_view(block.data(), static_cast<size_t>(file.gcount())));
  return file.bad() ? "" : hash.hex();
}

}  // namespace

std::string key_of(const std::string& input, const Json& settings) {
  Json all = settings;
  all["input"] = hash_of_file(input);
  all["sidecar"] = hash_of_file(input + ".json");
  return sha256_hex(all.dump(-1, ' ', true, Json::error_handler_t::replace));
}

bool vouched_for(const fs::path& output, const std::string& key) {
  Json record;
  try {
    const fs::path path = record_of(output);
    record = parse_json(read_file(path, kMostRecordBytes), path.string());
  } catch (const Error&) {
    return false;  // none, or none that can be trusted
  }
  if (!record.is_object()) return false;
  const auto says = [&](const char* name, const Json& value) {
    const auto found = record.find(name);
    return found != record.end() && *found == value;
  };
  if (!says("fluvox_record", kFormat) || !says("key", key)) return false;
  const std::string found = hash_of_file(output);
  return !found.empty() && says("sha256", found);
}

void keep_record(const fs::path& output, const std::string& key) {
  const fs::path path = record_of(output);
  std::error_code failed;
  fs::create_directories(path.parent_path(), failed);
  if (failed)
    throw Error(Fault::io, "record-failed",
                text("cannot make the folder of records ", path.parent_path().string(), ": ",
                     failed.message()));
  const Json record = {{"fluvox_record", kFormat}, {"key", key}, {"sha256", hash_of_file(output)}};
  write_file_atomically(path, record.dump() + "\n");
}

}  // namespace fluvox::cli
