#include "import/zip.h"

#include <algorithm>
#include <cstddef>
#include <optional>
#include <vector>

#include "core/error.h"
#include "core/strict_json.h"
#include "import/little_endian.h"

namespace fluvox::imports {
namespace {

using namespace std::string_view_literals;

constexpr std::string_view kLocal = "PK\x03\x04", kCentral = "PK\x01\x02", kEnd = "PK\x05\x06",
                           kEnd64 = "PK\x06\x06", kLocator64 = "PK\x06\x07";
constexpr size_t kLocalSize = 30, kCentralSize = 46, kEndSize = 22, kEnd64Size = 56,
                 kLocator64Size = 20;
constexpr uint64_t kOnes16 = 0xffff, kOnes32 = 0xffffffff;  // "see the ZIP64 record"

struct Directory {
  uint64_t entries = 0, size = 0, offset = 0;
  bool operator==(const Directory&) const = default;
};

struct Entry {
  std::string name;
  uint32_t crc = 0;
  uint64_t size = 0, stored = 0, offset = 0;
  uint64_t flags = 0, method = 0;
};

struct Extent {
  uint64_t begin, end;
  const std::string* name;
};

class Zip {
 public:
  Zip(std::string_view file, const std::string& where) : file_(file), where_(where) {}

  std::map<std::string, std::string_view> read() {
    find_directory();
    std::vector<Entry> entries = read_directory();
    std::map<std::string, std::string_view> contents;
    std::vector<Extent> extents;
    for (const Entry& entry : entries) {
      check_name(entry.name);
      const std::string_view content = content_of(entry);
      if (!contents.emplace(entry.name, content).second)
        refuse(text("holds two entries of the name ", in_quotes(entry.name)));
      extents.push_back({entry.offset,
                         static_cast<uint64_t>(content.data() - file_.data()) + content.size(),
                         &entry.name});
    }
    check_overlap(extents);
    // Last, as every byte is read: overlapping entries could ask for the same ones many times.
    for (const Entry& entry : entries)
      if (crc32(contents.at(entry.name)) != entry.crc)
        refuse(text("the entry ", in_quotes(entry.name),
                    " is damaged: its CRC-32 is another; copy the file anew"),
               "zip-damaged");
    return contents;
  }

 private:
  [[noreturn]] void refuse(const std::string& what, const char* code = "zip-invalid") const {
    throw Error(Fault::input, code, where_ + ": " + what);
  }

  // A record of `size` bytes that starts with `signature`.
  std::string_view record(uint64_t offset, size_t size, std::string_view signature,
                          const std::string& meaning) const {
    if (offset > file_.size() || size > file_.size() - offset)
      refuse(text(meaning, " at byte ", offset, " lies outside of the file's ", file_.size(),
                  " bytes; the file is truncated or not a zip archive"),
             "zip-truncated");
    const std::string_view found = file_.substr(offset, size);
    if (!found.starts_with(signature))
      refuse(text("no ", meaning, " stands at byte ", offset, ", where it should"));
    return found;
  }
  static uint64_t field(std::string_view record, size_t at, size_t width) {
    return little_endian(record.substr(at, width));
  }

  // The end record stands last, but for a comment of a length that it knows.
  size_t find_end() const {
    const size_t furthest = kEndSize + kOnes16;
    for (size_t back = kEndSize; back <= std::min(file_.size(), furthest); ++back) {
      const std::string_view tail = file_.substr(file_.size() - back);
      if (tail.starts_with(kEnd) && field(tail, 20, 2) == back - kEndSize)
        return file_.size() - back;
    }
    refuse("the end of the zip archive is missing; the file is truncated", "zip-truncated");
  }

  void find_directory() {
    const size_t end = find_end();
    const std::string_view last = file_.substr(end, kEndSize);
    if (field(last, 4, 2) != 0 || field(last, 6, 2) != 0 || field(last, 8, 2) != field(last, 10, 2))
      refuse("is one part of a zip archive in several files");
    directory_ = {field(last, 10, 2), field(last, 12, 4), field(last, 16, 4)};
    limit_ = end;
    if (end >= kLocator64Size &&
        file_.substr(end - kLocator64Size, kLocator64.size()) == kLocator64)
      read_end64(end - kLocator64Size);
    if (directory_.offset > limit_ || directory_.size > limit_ - directory_.offset)
      refuse(text("its directory of ", directory_.size, " bytes at byte ", directory_.offset,
                  " lies outside of the file's ", file_.size(), " bytes; the file is truncated"),
             "zip-truncated");
    if (directory_.entries > directory_.size / kCentralSize)
      refuse(text("its directory of ", directory_.size, " bytes is too short for the ",
                  directory_.entries, " entries it is said to have"));
  }

  void read_end64(size_t locator) {
    const std::string_view found = file_.substr(locator, kLocator64Size);
    const uint64_t offset = field(found, 8, 8);
    const std::string_view end64 = record(offset, kEnd64Size, kEnd64, "the ZIP64 end record");
    if (offset + kEnd64Size > locator) refuse("its ZIP64 end records overlap");
    const Directory wide = {field(end64, 32, 8), field(end64, 40, 8), field(end64, 48, 8)};
    if (field(end64, 16, 4) != 0 || field(end64, 20, 4) != 0 || field(end64, 24, 8) != wide.entries)
      refuse("is one part of a zip archive in several files");
    const Directory narrow = {std::min(wide.entries, kOnes16), std::min(wide.size, kOnes32),
                              std::min(wide.offset, kOnes32)};
    const auto agrees = [](uint64_t said, uint64_t meant, uint64_t ones) {
      return said == meant || said == ones;
    };
    if (!agrees(directory_.entries, narrow.entries, kOnes16) ||
        !agrees(directory_.size, narrow.size, kOnes32) ||
        !agrees(directory_.offset, narrow.offset, kOnes32))
      refuse("its two end records contradict each other");
    directory_ = wide;
    limit_ = offset;
  }

  std::vector<Entry> read_directory() const {
    std::vector<Entry> entries;
    const uint64_t end = directory_.offset + directory_.size;
    uint64_t at = directory_.offset;
    for (uint64_t i = 0; i < directory_.entries; ++i) {
      const std::string_view found =
          record(at, kCentralSize, kCentral, text("directory entry ", i + 1));
      const size_t name = field(found, 28, 2), extra = field(found, 30, 2),
                   comment = field(found, 32, 2);
      if (at + kCentralSize + name + extra + comment > end)
        refuse(text("its directory ends within entry ", i + 1, " of ", directory_.entries),
               "zip-truncated");
      Entry entry{std::string(file_.substr(at + kCentralSize, name)),
                  static_cast<uint32_t>(field(found, 16, 4)),
                  field(found, 24, 4),
                  field(found, 20, 4),
                  field(found, 42, 4),
                  field(found, 8, 2),
                  field(found, 10, 2)};
      widen(entry, file_.substr(at + kCentralSize + name, extra));
      entries.push_back(std::move(entry));
      at += kCentralSize + name + extra + comment;
    }
    if (at != end)
      refuse(text("its directory holds more than its ", directory_.entries, " entries"));
    return entries;
  }

  // The ZIP64 field holds, in this order, what did not fit in 32 bits.
  void widen(Entry& entry, std::string_view extra) const {
    uint64_t* const places[] = {&entry.size, &entry.stored, &entry.offset};
    if (std::none_of(std::begin(places), std::end(places), [](auto* p) { return *p == kOnes32; }))
      return;
    while (extra.size() >= 4) {
      const uint64_t id = field(extra, 0, 2);
      const size_t length = field(extra, 2, 2);
      if (length > extra.size() - 4) break;
      std::string_view content = extra.substr(4, length);
      if (id == 1) {
        for (uint64_t* const place : places) {
          if (*place != kOnes32) continue;
          if (content.size() < 8) refuse_extra(entry);
          *place = field(content, 0, 8);
          content.remove_prefix(8);
        }
        return;
      }
      extra.remove_prefix(4 + length);
    }
    refuse_extra(entry);
  }
  [[noreturn]] void refuse_extra(const Entry& entry) const {
    refuse(text("the entry ", in_quotes(entry.name), " lacks its ZIP64 sizes"));
  }

  void check_name(std::string_view name) const {
    const auto unsafe = [&](const char* why) {
      refuse(text("holds an entry of the name ", in_quotes(name), ", which ", why), "zip-name");
    };
    if (name.empty()) unsafe("is empty");
    if (name.front() == '/' || (name.size() > 1 && name[1] == ':')) unsafe("is an absolute path");
    if (name.find_first_of("\\\0"sv) != std::string_view::npos)
      unsafe("has a character that names of model files never have");
    for (size_t at = 0; at <= name.size();) {
      const size_t slash = std::min(name.find('/', at), name.size());
      if (name.substr(at, slash - at) == "..") unsafe("leads out of its folder");
      at = slash + 1;
    }
  }

  std::string_view content_of(const Entry& entry) const {
    const std::string quoted = in_quotes(entry.name);
    if ((entry.flags & 1) != 0) refuse(text("the entry ", quoted, " is encrypted"));
    if (entry.method != 0)
      refuse(text("the entry ", quoted, " is compressed (", entry.method == 8 ? "deflated, " : "",
                  "method ", entry.method,
                  "), which files of torch.save never are. A TorchScript archive, which holds a "
                  "program, is: save the state dict instead, torch.save(model.state_dict(), ...)"),
             "zip-compressed");
    if (entry.size != entry.stored)
      refuse(text("the entry ", quoted, " is stored as it is, yet has two sizes"));
    const std::string_view local =
        record(entry.offset, kLocalSize, kLocal, "the header of the entry " + quoted);
    const size_t name = field(local, 26, 2), extra = field(local, 28, 2);
    const uint64_t start = entry.offset + kLocalSize + name + extra;
    if (start > directory_.offset || entry.size > directory_.offset - start)
      refuse(text("the entry ", quoted, " of ", entry.size, " bytes reaches into the directory"),
             "zip-truncated");
    if (file_.substr(entry.offset + kLocalSize, name) != entry.name || field(local, 8, 2) != 0)
      refuse(text("the entry ", quoted, " is another one in its own header"));
    return file_.substr(start, entry.size);
  }

  void check_overlap(std::vector<Extent>& extents) const {
    std::sort(extents.begin(), extents.end(),
              [](const Extent& a, const Extent& b) { return a.begin < b.begin; });
    for (size_t i = 1; i < extents.size(); ++i)
      if (extents[i].begin < extents[i - 1].end)
        refuse(text("the entries ", in_quotes(*extents[i - 1].name), " and ",
                    in_quotes(*extents[i].name), " overlap"));
  }

  std::string_view file_;
  const std::string& where_;
  Directory directory_;
  uint64_t limit_ = 0;  // what comes before the end records
};

}  // namespace

std::map<std::string, std::string_view> read_zip(std::string_view file, const std::string& where) {
  return Zip(file, where).read();
}

}  // namespace fluvox::imports
