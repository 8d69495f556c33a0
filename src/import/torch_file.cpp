#include "import/torch_file.h"

#include <algorithm>
#include <cstring>
#include <optional>
#include <utility>

#include "core/atomic_file.h"
#include "core/error.h"
#include "core/strict_json.h"
#include "import/legacy_container.h"
#include "import/pickle.h"
#include "import/zip.h"

namespace fluvox::imports {
namespace {

constexpr size_t kMostFile = size_t{32} << 30;
constexpr size_t kMostRepeated = size_t{1} << 20;

[[noreturn]] void refuse(const std::string& where, const std::string& what,
                         const char* code = "torch-invalid") {
  throw Error(Fault::input, code, where + ": " + what);
}

// "archive" of "archive/data.pkl", which every file of torch.save has once.
std::string archive_name(const std::map<std::string, std::string_view>& entries,
                         const std::string& where) {
  std::optional<std::string> found;
  for (const auto& [name, content] : entries) {
    const size_t slash = name.find('/');
    if (slash == std::string::npos || name.substr(slash) != "/data.pkl") continue;
    if (found)
      refuse(where, "holds two archives of PyTorch, " + in_quotes(*found) + " and " +
                        in_quotes(name.substr(0, slash)));
    found = name.substr(0, slash);
  }
  if (!found)
    refuse(where, "is a zip archive without a data.pkl, so none of PyTorch's (an .npz perhaps)");
  return *found;
}

void copy_strided(const TensorRef& from, const char* storage, size_t size, std::byte* to) {
  // An odometer over all axes but the last; indices stay inside as the reader has checked.
  const size_t axes = from.shape.size();
  const int64_t row = axes == 0 ? 1 : from.shape.back();
  const int64_t step = axes == 0 ? 1 : from.stride.back();
  std::vector<int64_t> index(axes);
  int64_t place = from.offset;
  while (true) {
    if (step == 1) {
      std::memcpy(to, storage + static_cast<size_t>(place) * size, static_cast<size_t>(row) * size);
    } else {
      for (int64_t i = 0; i < row; ++i)
        std::memcpy(to + static_cast<size_t>(i) * size,
                    storage + static_cast<size_t>(place + i * step) * size, size);
    }
    to += static_cast<size_t>(row) * size;
    size_t axis = axes == 0 ? 0 : axes - 1;
    while (axis > 0) {
      --axis;
      // Never a step beyond the last element: the stride of an axis of one may be anything.
      if (++index[axis] < from.shape[axis]) {
        place += from.stride[axis];
        break;
      }
      place -= from.stride[axis] * (from.shape[axis] - 1);
      index[axis] = 0;
      if (axis == 0) return;
    }
    if (axes <= 1) return;
  }
}

}  // namespace

bool TorchFile::looks_like_one(std::string_view content) {
  return content.starts_with("PK\x03\x04") || content.starts_with("\x80");
}

TorchFile::TorchFile(std::string content, const std::string& where)
    : inside_(std::make_unique<Inside>()) {
  inside_->content = std::move(content);
  inside_->tree.where = where;
  if (!looks_like_one(inside_->content))
    refuse(where, inside_->content.empty()
                      ? "is empty"
                      : "is not a file of torch.save: it starts neither like a zip archive nor "
                        "like a pickle");
  if (inside_->content[0] == 'P')
    read_zip_container();
  else
    read_legacy_container();
  check_storages();
}

TorchFile TorchFile::read(const std::filesystem::path& path) {
  return {read_file(path, kMostFile), path.string()};
}

void TorchFile::read_zip_container() {
  const std::string where = inside_->tree.where;
  const auto entries = read_zip(inside_->content, where);
  const std::string archive = archive_name(entries, where) + "/";
  if (entries.contains(archive + "constants.pkl"))
    refuse(where,
           "is a TorchScript archive, which holds a program; save the state dict instead: "
           "torch.save(model.state_dict(), ...)",
           "torch-script");
  if (const auto order = entries.find(archive + "byteorder");
      order != entries.end() && order->second != "little")
    refuse(where, text("its byte order is ", in_quotes(order->second),
                       "; only files of little-endian machines are read"));
  const std::string_view values = entries.at(archive + "data.pkl");
  Pickle pickle = read_pickle(values, 0, where + ", data.pkl");
  if (pickle.end != values.size())
    refuse(where, text("data.pkl ends at byte ", pickle.end, " of ", values.size()));
  inside_->tree = std::move(pickle.tree);
  inside_->tree.where = where;
  const std::string data = archive + "data/";
  for (auto entry = entries.lower_bound(data);
       entry != entries.end() && entry->first.starts_with(data); ++entry)
    inside_->storages.emplace(entry->first.substr(data.size()), entry->second);
}

void TorchFile::read_legacy_container() {
  LegacyContainer legacy = read_legacy(inside_->content, inside_->tree.where);
  inside_->tree = std::move(legacy.tree);
  inside_->storages = std::move(legacy.storages);
}

// Every storage that a value names is there, whole.
void TorchFile::check_storages() const {
  for (const StorageRef& storage : inside_->tree.storages) {
    const auto found = inside_->storages.find(storage.key);
    if (found == inside_->storages.end())
      refuse(where(), text("the storage ", in_quotes(storage.key), " is not in the file"),
             "torch-storage");
    if (static_cast<uint64_t>(storage.count) > found->second.size() / size_of(storage.type))
      refuse(
          where(),
          text("the storage ", in_quotes(storage.key), " should have ", storage.count,
               " elements of ", name_of(storage.type), ", found ", found->second.size(), " bytes"),
          "torch-storage");
  }
}

HostTensor TorchFile::tensor(const Value& value) const {
  const TensorRef& from = value.tensor();
  const DType type = from.storage->type;
  const std::string_view storage = inside_->storages.find(from.storage->key)->second;
  HostTensor made{type, from.shape, {}};
  const size_t bytes = made.count() * size_of(type);
  if (bytes > std::max(storage.size(), kMostRepeated))
    refuse(where(),
           text("a tensor of shape ", describe_shape(from.shape),
                " repeats the elements of a "
                "storage of ",
                storage.size(), " bytes; save it by torch.save(tensor.clone(), ...)"),
           "torch-range");
  made.bytes.resize(bytes);
  if (bytes > 0) copy_strided(from, storage.data(), size_of(type), made.bytes.data());
  return made;
}

}  // namespace fluvox::imports
