// fluvox-likelihood FOLDER [--quick] [NAME ...]: fits flows to processes of exactly known density
// and writes how far each stays from the truth to FOLDER/likelihood.json and likelihood.md. With
// names (or beginnings of them) it runs those only and keeps the other rows of the file. Every row
// is written as soon as it is there. Progress on stderr; exit code 1 where a gap is not as stated.
#include <ctime>
#include <iostream>
#include <sstream>

#include "core/atomic_file.h"
#include "core/cpu.h"
#include "core/progress.h"
#include "core/strict_json.h"
#include "core/threads.h"
#include "fluvox_version.h"
#include "support/likelihood/experiments.h"
#include "support/likelihood/work_torch.h"

namespace fluvox::likelihood {
namespace {

namespace fs = std::filesystem;

constexpr size_t kMostBytes = 1 << 20;

struct Arguments {
  fs::path folder;
  bool quick = false;
  std::vector<std::string> names;

  bool wants(const std::string& name) const {
    if (names.empty()) return true;
    for (const std::string& start : names)
      if (name.rfind(start, 0) == 0) return true;
    return false;
  }
};

std::string today() {
  const std::time_t now = std::time(nullptr);
  char day[16];
  std::strftime(day, sizeof day, "%Y-%m-%d", std::gmtime(&now));
  return day;
}

// Multiply-adds a sample of the density, counted as they run.
double multiply_adds(const Experiment& e) {
  const torch::NoGradGuard no_grad;
  flow::TorchFlow flow(e.spec);
  flow.eval();
  const Batch batch = batch_of(e.spec, *e.oracle, e.samples, 1, 1, 0, at::kFloat);
  const Work work =
      work_of([&] { flow.log_prob(batch.audio, condition_of(flow, batch.features)); });
  return static_cast<double>(work.multiply_adds) / e.samples;
}

std::string fixed(double value, int digits) {
  std::ostringstream out;
  out.precision(digits);
  out << std::fixed << value;
  return out.str();
}

std::string table(const Json& rows) {
  std::string page =
      "# Likelihoods against processes of known density\n\n"
      "The gap is mean[log p_true - log p_model] on held-out clips, in nats per sample, with its "
      "standard error: below zero would be a wrong density. Written by `tools/bench/likelihood`; "
      "the processes are in `tests/support/oracles`, the fits in `tests/support/likelihood`, what "
      "each is for in [mathematics](../mathematics.md).\n\n"
      "On B8, source-filter speech, every model of the registry stands beside the others. Over the "
      "features is how much more it knows, in nats per sample, than the closed-form Gaussian of "
      "each sample given the features alone.\n\n"
      "| fit | what it shows | expected | gap | within | over the features | parameters | "
      "multiply-adds/sample | samples seen | minutes "
      "|\n|---|---|---|---|---|---|---|---|---|---|\n";
  for (const Json& row : rows) {
    const double seen =
        row["steps"].get<double>() * row["batch"].get<double>() * row["samples"].get<double>();
    page += text(
        "| ", row["name"].get<std::string>(), " | ", row["claim"].get<std::string>(), " | ",
        fixed(row["expected"], 5), " | ", fixed(row["gap"], 5), " +- ", fixed(row["error"], 5),
        row["fault"] == "" ? "" : " **(no)**", " | ", row["epsilon"].get<double>(), " | ",
        row.contains("gap_of_features") ? fixed(-row["gap_of_features"].get<double>(), 3) : "",
        " | ", row["parameters"].get<int64_t>(), " | ", fixed(row["multiply_adds_per_sample"], 0),
        " | ", fixed(seen / 1e6, 1), " M | ", fixed(row["seconds"].get<double>() / 60, 1), " |\n");
  }
  std::map<std::string, int> machines;
  for (const Json& row : rows)
    ++machines[text(row["machine"].get<std::string>(), ", ", row["threads"].get<int>(),
                    " threads, commit ", row["commit"].get<std::string>(), ", ",
                    row["date"].get<std::string>())];
  page += "\nRows by where they were run:\n\n";
  for (const auto& [machine, count] : machines) page += text("- ", count, ": ", machine, "\n");
  return page;
}

void record(const fs::path& folder, const Json& row) {
  const fs::path path = folder / "likelihood.json";
  Json rows = Json::array();
  if (fs::exists(path)) rows = parse_json(read_file(path, kMostBytes), path.string());
  bool replaced = false;
  for (Json& old : rows)
    if (old["name"] == row["name"]) {
      old = row;
      replaced = true;
    }
  if (!replaced) rows.push_back(row);
  write_file_atomically(path, rows.dump(1) + "\n");
  write_file_atomically(folder / "likelihood.md", table(rows));
}

using Runner = std::function<Outcome(const Experiment&, const Schedule&, const Told&)>;

// Whether its gap is as stated.
bool measure(const Experiment& e, const Arguments& arguments, const Runner& runner) {
  const Schedule& schedule = arguments.quick ? e.quick : e.full;
  const int steps = schedule.training.steps;
  Progress progress(e.name, steps, "steps", ProgressMode::automatic);
  double smooth = 0;
  const Outcome outcome = runner(e, schedule, [&](int step, double nats) {
    smooth = step == 1 ? nats : 0.98 * smooth + 0.02 * nats;
    progress.update(step, fixed(smooth, 4) + " nats/sample");
  });
  const std::string wrong = fault(e.name, outcome.gap, e.expected, schedule.epsilon);
  progress.finish(text("gap ", fixed(outcome.gap.mean(), 5), " +- ", fixed(outcome.gap.error(), 5),
                       wrong.empty() ? "" : ": NOT as stated"));
  Json row = {{"name", e.name},
              {"claim", e.claim},
              {"expected", e.expected},
              {"gap", outcome.gap.mean()},
              {"error", outcome.gap.error()},
              {"epsilon", schedule.epsilon},
              {"fault", wrong},
              {"parameters", outcome.parameters},
              {"multiply_adds_per_sample", e.oracle ? multiply_adds(e) : 0.0},
              {"steps", steps},
              {"batch", schedule.training.batch},
              {"samples", e.samples},
              {"seconds", outcome.seconds},
              {"threads", at::get_num_threads()},
              {"machine", text(cpu_name(), ", ", default_threads(), " processors")},
              {"commit", FLUVOX_COMMIT},
              {"date", today()}};
  if (outcome.gap_of_features) row["gap_of_features"] = outcome.gap_of_features->mean();
  record(arguments.folder, row);
  return wrong.empty();
}

int run_all(const Arguments& arguments) {
  bool all_well = true;
  for (const Experiment& e : experiments())
    if (arguments.wants(e.name)) all_well = measure(e, arguments, run) && all_well;
  const Experiment b6 = student();
  if (arguments.wants(b6.name)) all_well = measure(b6, arguments, run_student) && all_well;
  for (const Experiment& e : on_speech())
    if (arguments.wants(e.name)) all_well = measure(e, arguments, run_on_speech) && all_well;
  return all_well ? 0 : 1;
}

}  // namespace
}  // namespace fluvox::likelihood

int main(int argc, char** argv) {
  fluvox::likelihood::Arguments arguments;
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    if (argument == "--quick")
      arguments.quick = true;
    else if (arguments.folder.empty())
      arguments.folder = argument;
    else
      arguments.names.push_back(argument);
  }
  if (arguments.folder.empty()) {
    std::cerr << "fluvox-likelihood: expected FOLDER [--quick] [NAME ...], found no folder\n";
    return 2;
  }
  try {
    return fluvox::likelihood::run_all(arguments);
  } catch (const std::exception& e) {
    std::cerr << "fluvox-likelihood: " << e.what() << "\n";
    return 3;
  }
}
