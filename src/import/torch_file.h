// What torch.save wrote, read without running any of it, from both of its containers:
//   zip (since 1.6)  NAME/data.pkl, the values; NAME/data/KEY, each storage; NAME/byteorder
//   legacy           five pickles (a magic number, a protocol, facts of the machine, the values,
//   the
//                    keys of the storages), then each storage: its count in 8 bytes, its elements
// A whole pickled module is a record; torch_module.h walks it.
#pragma once

#include <cstddef>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "core/tensor.h"
#include "import/value.h"

namespace fluvox::imports {

class TorchFile {
 public:
  // `where` names the file in messages.
  TorchFile(std::string content, const std::string& where);
  static TorchFile read(const std::filesystem::path& path);
  // "PK" or a pickle's first byte: worth reading as one.
  static bool looks_like_one(std::string_view content);

  Value root() const { return {inside_->tree, inside_->tree.root}; }
  const std::string& where() const { return inside_->tree.where; }
  size_t size() const { return inside_->content.size(); }

  // Row-major, whatever its strides are. At most 1 MiB or the size of its storage: a view may
  // repeat its elements without end.
  HostTensor tensor(const Value& value) const;

 private:
  // Values and storages point in here, so it stays where it is when the file is moved.
  struct Inside {
    std::string content;
    Tree tree;
    std::map<std::string, std::string_view, std::less<>> storages;  // by key
  };
  void read_zip_container();
  void read_legacy_container();
  void check_storages() const;

  std::unique_ptr<Inside> inside_;
};

}  // namespace fluvox::imports
