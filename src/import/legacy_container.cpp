#include "import/legacy_container.h"

#include <utility>

#include "core/error.h"
#include "core/strict_json.h"
#include "import/little_endian.h"
#include "import/pickle.h"

namespace fluvox::imports {
namespace {

using namespace std::string_view_literals;

constexpr std::string_view kMagic = "\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19"sv;
constexpr int64_t kProtocol = 1001;

[[noreturn]] void refuse(const std::string& where, const std::string& what) {
  throw Error(Fault::input, "torch-invalid", where + ": " + what);
}

class Legacy {
 public:
  Legacy(std::string_view file, const std::string& where) : file_(file), where_(where) {}

  LegacyContainer read() {
    read_heading();
    Pickle values = next("values");
    const Pickle keys = next("storage keys");
    LegacyContainer made;
    std::map<std::string_view, const StorageRef*> named;
    for (const StorageRef& storage : values.tree.storages) {
      const StorageRef& first = *named.try_emplace(storage.key, &storage).first->second;
      if (first.type != storage.type || first.count != storage.count)
        refuse(where_, text("the storage ", in_quotes(storage.key), " is said to have ",
                            first.count, " elements of ", name_of(first.type), " and ",
                            storage.count, " of ", name_of(storage.type)));
    }
    const Value listed(keys.tree, keys.tree.root);
    for (size_t i = 0; i < listed.size(); ++i) {
      const std::string_view key = listed.at(i).string();
      const auto found = named.find(key);
      if (found == named.end())
        refuse(where_, text("holds the storage ", in_quotes(key), ", which nothing refers to"));
      if (!made.storages.emplace(key, storage(*found->second)).second)
        refuse(where_, text("holds the storage ", in_quotes(key), " twice"));
    }
    if (at_ != file_.size())
      refuse(where_, text("ends at byte ", at_, ", yet ", file_.size() - at_, " bytes follow"));
    values.tree.where = where_;
    made.tree = std::move(values.tree);
    return made;
  }

 private:
  Pickle next(const char* meaning) {
    Pickle pickle = read_pickle(file_, at_, where_ + ", " + meaning);
    at_ = pickle.end;
    return pickle;
  }

  void read_heading() {
    const Pickle magic = next("magic number");
    const Value number(magic.tree, magic.tree.root);
    if (number.kind() != Kind::big_integer || number.bytes() != kMagic)
      refuse(where_, "is a pickle, but none that torch.save wrote");
    const Pickle protocol = next("protocol");
    if (const int64_t found = Value(protocol.tree, protocol.tree.root).integer();
        found != kProtocol)
      refuse(where_, text("is of protocol ", found, "; known is ", kProtocol));
    const Pickle machine = next("facts of the machine");
    const Value facts(machine.tree, machine.tree.root);
    if (!facts.get("little_endian").boolean())
      refuse(where_,
             "was written by a big-endian machine; only files of little-endian ones are read");
  }

  std::string_view storage(const StorageRef& expected) {
    const auto truncated = [&] {
      throw Error(
          Fault::input, "torch-truncated",
          text(where_, ": the file ends within the storage ", in_quotes(expected.key), " of ",
               expected.count, " elements of ", name_of(expected.type), " at byte ", at_));
    };
    if (file_.size() - at_ < 8) truncated();
    const uint64_t count = little_endian(file_.substr(at_, 8));
    if (count != static_cast<uint64_t>(expected.count))
      refuse(where_, text("the storage ", in_quotes(expected.key), " at byte ", at_, " has ", count,
                          " elements; expected ", expected.count));
    at_ += 8;
    const size_t size = size_of(expected.type);
    if (count > (file_.size() - at_) / size) truncated();
    const std::string_view content = file_.substr(at_, count * size);
    at_ += content.size();
    return content;
  }

  std::string_view file_;
  const std::string& where_;
  size_t at_ = 0;
};

}  // namespace

LegacyContainer read_legacy(std::string_view file, const std::string& where) {
  return Legacy(file, where).read();
}

}  // namespace fluvox::imports
