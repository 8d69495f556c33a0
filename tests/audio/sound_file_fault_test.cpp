// Faults while writing: the whole new file or the old one, never half of one.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmath>

#include "audio/sound_file.h"
#include "support/file_size_limit.h"
#include "support/made_speech.h"
#include "support/temp_folder.h"
#include "support/throws.h"

namespace fluvox::audio {
namespace {

using support::FileSizeLimit;
using support::made_speech;
using support::slurp;
using support::spill;
using support::TempFolder;
using support::thrown_by;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr const char* kNames[] = {"a.wav", "a.flac", "a.ogg", "a.opus"};

// Wherever the disk ends, the error is the same and nothing is left.
TEST(SoundFileFault, AFullDiskAtAnyByte) {
  const std::vector<float> speech = made_speech(24000, 2, 6);
  for (const char* name : kNames) {
    TempFolder folder;
    write_sound(folder / name, speech, 24000);
    const std::string whole = slurp(folder / name);
    spill(folder / name, "the earlier file");
    for (const double part : {0.0, 0.001, 0.3, 0.7, 0.95}) {
      const auto most = static_cast<rlim_t>(part * static_cast<double>(whole.size()));
      std::unique_ptr<Error> error;
      {
        const FileSizeLimit limit(most);
        error =
            std::make_unique<Error>(thrown_by([&] { write_sound(folder / name, speech, 24000); }));
      }
      EXPECT_EQ(error->fault(), Fault::io);
      EXPECT_THAT(error->what(), HasSubstr(name));
      EXPECT_THAT(folder.names(), ElementsAre(name)) << name << " at " << most;
      EXPECT_EQ(slurp(folder / name), "the earlier file");
    }
  }
}

// The last bytes are written when libsndfile closes the file, and there it reports no failure.
TEST(SoundFileFault, AFullDiskAtTheVeryEnd) {
  const std::vector<float> speech = made_speech(24000, 2, 6);
  for (const char* name : kNames) {
    TempFolder folder;
    write_sound(folder / name, speech, 24000);
    // Opus files differ by a few bytes from one another: their streams have numbers drawn by
    // chance.
    const auto most = static_cast<rlim_t>(slurp(folder / name).size() - 100);
    std::filesystem::remove(folder / name);
    {
      const FileSizeLimit limit(most);
      EXPECT_EQ(thrown_by([&] { write_sound(folder / name, speech, 24000); }).exit_code(), 5);
    }
    EXPECT_THAT(folder.names(), IsEmpty()) << name;
  }
}

TEST(SoundFileFault, ATinyDisk) {
  TempFolder folder;
  if (::mount("tmpfs", folder.path().c_str(), "tmpfs", 0, "size=32k") != 0) {
    GTEST_SKIP() << "mounting a tmpfs needs root";
  }
  for (const char* name : kNames) {
    const bool lossy = std::string(name).find(".o") != std::string::npos;
    const std::vector<float> sound = made_speech(24000, lossy ? 10 : 2, 6);
    const Error error = thrown_by([&] { write_sound(folder / name, sound, 24000); });
    EXPECT_EQ(error.exit_code(), 5);
    EXPECT_EQ(error.code(), "disk-full");
    EXPECT_THAT(folder.names(), IsEmpty()) << name;
  }
  ::umount(folder.path().c_str());
}

TEST(SoundFileFault, ADeviceThatIsAlwaysFull) {
  for (const bool raw : {false, true}) {
    const Error error = thrown_by(
        [&] { write_sound("/dev/full", std::vector<float>(1000), 22050, Encoding::s16, raw); });
    EXPECT_EQ(error.exit_code(), 5);
    EXPECT_THAT(error.what(), HasSubstr("/dev/full"));
  }
  struct stat found {};
  ASSERT_EQ(::stat("/dev/full", &found), 0);
  EXPECT_TRUE(S_ISCHR(found.st_mode));
}

TEST(SoundFileFault, NotANumberLeavesTheOldFile) {
  std::vector<float> samples(1000, 0.25f);
  samples[777] = std::nanf("");
  for (const char* name : kNames) {
    TempFolder folder;
    spill(folder / name, "the earlier file");
    const Error error = thrown_by([&] { write_sound(folder / name, samples, 24000); });
    EXPECT_EQ(error.code(), "sample-not-finite");
    EXPECT_EQ(error.fault(), Fault::input);
    EXPECT_THAT(error.what(), HasSubstr(name));
    EXPECT_THAT(error.what(), HasSubstr("777"));
    EXPECT_THAT(folder.names(), ElementsAre(name));
    EXPECT_EQ(slurp(folder / name), "the earlier file");
  }
}

TEST(SoundFileFault, WithoutFinishThereIsNoFile) {
  for (const char* name : kNames) {
    TempFolder folder;
    {
      SoundWriter writer(folder / name, 24000);
      writer.write(made_speech(24000, 1, 1));
    }
    EXPECT_THAT(folder.names(), IsEmpty()) << name;
  }
}

TEST(SoundFileFault, KilledHalfWay) {
  for (const char* name : kNames) {
    TempFolder folder;
    const pid_t child = ::fork();
    if (child == 0) {
      SoundWriter writer(folder / name, 24000);
      writer.write(made_speech(24000, 1, 1));
      ::raise(SIGKILL);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    ASSERT_TRUE(WIFSIGNALED(status));
    EXPECT_FALSE(std::filesystem::exists(folder / name));
    // And doing it again works beside what the dead process left.
    write_sound(folder / name, made_speech(24000, 1, 1), 24000);
    EXPECT_EQ(read_sound(folder / name).samples.size(), 24000u);
  }
}

TEST(SoundFileFault, AFolderThatIsNotThere) {
  TempFolder folder;
  for (const char* name : kNames) {
    const Error error = thrown_by(
        [&] { write_sound(folder.path() / "none" / name, std::vector<float>(10), 24000); });
    EXPECT_EQ(error.fault(), Fault::io);
    EXPECT_THAT(error.what(), HasSubstr(name));
  }
}

}  // namespace
}  // namespace fluvox::audio
