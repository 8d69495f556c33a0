// Files as torch.save writes them, put together by hand: pickles out of their instructions, and the
// two containers around them.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

namespace fluvox::imports::made {

inline std::string little(uint64_t value, size_t width) {
  std::string out;
  for (size_t i = 0; i < width; ++i) out += static_cast<char>(value >> 8 * i & 255);
  return out;
}

template <class T>
std::string raw(std::initializer_list<T> values) {
  return {reinterpret_cast<const char*>(std::data(values)), values.size() * sizeof(T)};
}

// Pickles. Each function gives the instructions that leave one value on the stack.
using Parts = std::vector<std::string>;

inline std::string joined(const Parts& parts) {
  std::string out;
  for (const std::string& part : parts) out += part;
  return out;
}
inline std::string str(std::string_view s) { return "X" + little(s.size(), 4) + std::string(s); }
inline std::string integer(int64_t n) { return "\x8a\x08" + little(static_cast<uint64_t>(n), 8); }
inline std::string global(const std::string& module, const std::string& name) {
  return "c" + module + "\n" + name + "\n";
}
inline std::string tuple(const Parts& parts) { return "(" + joined(parts) + "t"; }
inline std::string list(const Parts& parts) { return "](" + joined(parts) + "e"; }
inline std::string dict(const Parts& keys_and_values) {
  return "}(" + joined(keys_and_values) + "u";
}
inline std::string call(const std::string& function, const Parts& arguments) {
  return function + tuple(arguments) + "R";
}
inline std::string ordered_dict(const Parts& keys_and_values = {}) {
  return call(global("collections", "OrderedDict"), {}) +
         (keys_and_values.empty() ? "" : "(" + joined(keys_and_values) + "u");
}
// Of the value on top: keep it as memo n. And that one again.
inline std::string keep(int n) { return {'q', static_cast<char>(n)}; }
inline std::string again(int n) { return {'h', static_cast<char>(n)}; }
inline std::string integers(std::initializer_list<int64_t> values) {
  Parts parts;
  for (const int64_t value : values) parts.push_back(integer(value));
  return tuple(parts);
}
inline std::string storage(const std::string& type, const std::string& key, int64_t count,
                           const Parts& view = {}) {
  Parts parts = {str("storage"), global("torch", type), str(key), str("cuda:0"), integer(count)};
  parts.insert(parts.end(), view.begin(), view.end());
  return tuple(parts) + "Q";
}
inline std::string tensor(const std::string& storage, int64_t offset,
                          std::initializer_list<int64_t> shape,
                          std::initializer_list<int64_t> stride) {
  return call(
      global("torch._utils", "_rebuild_tensor_v2"),
      {storage, integer(offset), integers(shape), integers(stride), "\x89", ordered_dict()});
}
inline std::string parameter(const std::string& tensor) {
  return call(global("torch._utils", "_rebuild_parameter"), {tensor, "\x88", ordered_dict()});
}
// An object of a class: NEWOBJ without arguments, BUILD of a dictionary.
inline std::string object(const std::string& module, const std::string& name, const Parts& state) {
  return global(module, name) + ")\x81" + dict(state) + "b";
}
inline std::string pickle(const std::string& body) { return "\x80\x02" + body + "."; }

// Zip archives of stored entries.
inline uint32_t slow_crc32(std::string_view bytes) {
  uint32_t crc = ~0U;
  for (const char byte : bytes) {
    crc ^= static_cast<uint8_t>(byte);
    for (int i = 0; i < 8; ++i) crc = crc >> 1 ^ (crc & 1 ? 0xedb88320U : 0);
  }
  return ~crc;
}

struct ZipEntry {
  std::string name, content;
  bool zip64 = false;            // sizes and offset in the extra field
  std::string local_extra = {};  // PyTorch pads with it
};

struct MadeZip {
  std::string bytes;
  std::vector<size_t> local, central;  // where the headers of each entry start
  size_t directory = 0, end = 0;
};

inline MadeZip zip(const std::vector<ZipEntry>& entries, bool zip64_end = false) {
  MadeZip made;
  std::string directory;
  for (const ZipEntry& entry : entries) {
    const std::string crc = little(slow_crc32(entry.content), 4);
    const uint64_t offset = made.bytes.size(), size = entry.content.size();
    made.local.push_back(offset);
    // Sizes stand behind the data and in the directory (bit 3), as PyTorch has it.
    made.bytes += "PK\3\4" + little(0, 2) + little(0x0808, 2) + std::string(18, '\0') +
                  little(entry.name.size(), 2) + little(entry.local_extra.size(), 2) + entry.name +
                  entry.local_extra + entry.content + "PK\7\x08" + crc + little(size, 4) +
                  little(size, 4);
    const std::string extra = entry.zip64
                                  ? "\x77\x77" + little(1, 2) + "?" + little(1, 2) + little(24, 2) +
                                        little(size, 8) + little(size, 8) + little(offset, 8)
                                  : "";
    const auto narrow = [&](uint64_t value) { return little(entry.zip64 ? ~0ULL : value, 4); };
    made.central.push_back(directory.size());
    directory += "PK\1\2" + little(0, 4) + little(0x0808, 2) + little(0, 2) + little(0, 4) + crc +
                 narrow(size) + narrow(size) + little(entry.name.size(), 2) +
                 little(extra.size(), 2) + std::string(10, '\0') + narrow(offset) + entry.name +
                 extra;
  }
  made.directory = made.bytes.size();
  for (size_t& at : made.central) at += made.directory;
  made.bytes += directory;
  if (zip64_end) {
    const uint64_t at = made.bytes.size();
    made.bytes += "PK\6\6" + little(44, 8) + little(0x031e, 2) + little(45, 2) + little(0, 8) +
                  little(entries.size(), 8) + little(entries.size(), 8) +
                  little(directory.size(), 8) + little(made.directory, 8);
    made.bytes += "PK\6\7" + little(0, 4) + little(at, 8) + little(1, 4);
  }
  made.end = made.bytes.size();
  made.bytes += "PK\5\6" + little(0, 4) + little(entries.size(), 2) + little(entries.size(), 2) +
                little(directory.size(), 4) + little(made.directory, 4) + little(0, 2);
  return made;
}

struct Stored {
  std::string key;
  int64_t count;
  std::string bytes;
};

inline std::string zip_file(const std::string& body, const std::vector<Stored>& storages) {
  std::vector<ZipEntry> entries = {{"archive/data.pkl", pickle(body)},
                                   {"archive/byteorder", "little"}};
  for (const Stored& stored : storages)
    entries.push_back({"archive/data/" + stored.key, stored.bytes, false, "FB\3\0ZZZ"});
  entries.push_back({"archive/version", "3\n"});
  return zip(entries, true).bytes;
}

inline std::string legacy_heading() {
  return pickle("\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19") + pickle(integer(1001)) +
         pickle(dict({str("protocol_version"), integer(1001), str("little_endian"), "\x88",
                      str("type_sizes"), dict({str("int"), integer(4)})}));
}

inline std::string legacy_file(const std::string& body, const std::vector<Stored>& storages) {
  Parts keys;
  std::string data;
  for (const Stored& stored : storages) {
    keys.push_back(str(stored.key));
    data += little(static_cast<uint64_t>(stored.count), 8) + stored.bytes;
  }
  return legacy_heading() + pickle(body) + pickle(list(keys)) + data;
}

}  // namespace fluvox::imports::made
