// Pickles: by themselves, and as the values of a .pt whose zip is in order, so that its checksums
// do not keep the fuzzer from what lies behind.
#include "fuzz/fuzz.h"
#include "fuzz/torch_checks.h"
#include "import/made_checkpoint.h"
#include "import/pickle.h"

namespace fluvox::fuzz {
namespace {

namespace made = imports::made;

void run(std::string_view input) {
  imports::read_pickle(input, 0, "input");
  import_all(made::zip({{"archive/data.pkl", std::string(input)},
                        {"archive/data/0", std::string(64, '\x3c')},
                        {"archive/data/1", std::string(8, '\x3c')}})
                 .bytes);
}

std::vector<std::string> seeds() {
  using namespace made;
  const std::string values = storage("FloatStorage", "0", 16);
  std::vector<std::string> bodies = {
      tensor(values, 2, {2, 3}, {3, 1}),
      dict({str("model"), ordered_dict({str("a"), tensor(values, 0, {16}, {1})}), str("iteration"),
            integer(7)}),
      object("glow", "WaveGlow",
             {str("_parameters"), ordered_dict({str("w"), parameter(tensor(values, 0, {4}, {1}))}),
              str("_modules"), ordered_dict()}),
      list({str("a") + keep(0), again(0), "N", "\x88", "\x89", ")", "K\x05", "M\x01\x02",
            "J\x01\x02\x03\x04", "G?\xf0" + std::string(6, '\0')}),
      call(global("torch.nn.backends.thnn", "_get_thnn_function_backend"), {}),
      call(global("builtins", "set"), {list({})}),
      "]q\0h\0a"};
  for (std::string& body : bodies) body = made::pickle(body);
  return bodies;
}

}  // namespace

const Target pickle = {"pickle", run, seeds};

}  // namespace fluvox::fuzz
