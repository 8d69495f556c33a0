// Zip archives as PyTorch writes them: entries stored as they are, ZIP64 where sizes ask for it
// (some versions add its records always). Read as hostile input: what is compressed, encrypted,
// damaged (CRC-32), outside of the file, overlapping, named twice or named like a path that leads
// out is refused by name.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

namespace fluvox::imports {

// The content of every entry, by name; parts of `file`. `where` names the file in messages.
std::map<std::string, std::string_view> read_zip(std::string_view file, const std::string& where);

// Of the polynomial of zip, PNG and gzip: of "123456789" it is 0xcbf43926.
uint32_t crc32(std::string_view bytes);

}  // namespace fluvox::imports
