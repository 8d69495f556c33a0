#include "core/atomic_file.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/error.h"
#include "core/output.h"
#include "support/file_size_limit.h"
#include "support/temp_folder.h"
#include "support/throws.h"

namespace fluvox {
namespace {

using support::FileSizeLimit;
using support::slurp;
using support::spill;
using support::TempFolder;
using support::thrown_by;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

std::span<const std::byte> bytes(std::string_view text) { return std::as_bytes(std::span(text)); }

TEST(AtomicFile, NothingHasTheNameBeforeCommit) {
  TempFolder folder;
  AtomicFile file(folder / "a.bin");
  file.write(bytes("one "));
  file.write(bytes("two"));
  EXPECT_FALSE(std::filesystem::exists(folder / "a.bin"));
  EXPECT_EQ(file.temp_path().parent_path(), folder.path());
  EXPECT_EQ(file.temp_path().filename().string().front(), '.');
  EXPECT_EQ(file.temp_path().extension(), ".bin");
  file.commit();
  EXPECT_EQ(slurp(folder / "a.bin"), "one two");
  EXPECT_THAT(folder.names(), ElementsAre("a.bin"));
}

TEST(AtomicFile, WithoutCommitTheOldFileStaysAndNothingElse) {
  TempFolder folder;
  spill(folder / "a", "old");
  {
    AtomicFile file(folder / "a");
    file.write(bytes("new"));
  }
  EXPECT_EQ(slurp(folder / "a"), "old");
  EXPECT_THAT(folder.names(), ElementsAre("a"));
}

TEST(AtomicFile, ALibraryMayWriteByName) {
  TempFolder folder;
  AtomicFile file(folder / "a");
  // Replaced, not only filled, as some libraries do.
  std::filesystem::remove(file.temp_path());
  spill(file.temp_path(), "by name");
  file.commit();
  EXPECT_EQ(slurp(folder / "a"), "by name");
  EXPECT_THAT(folder.names(), ElementsAre("a"));
}

TEST(AtomicFile, ATemporaryThatVanishedIsAnError) {
  TempFolder folder;
  AtomicFile file(folder / "a");
  std::filesystem::remove(file.temp_path());
  EXPECT_EQ(thrown_by([&] { file.commit(); }).fault(), Fault::io);
}

TEST(AtomicFile, ReplacesAndKeepsThePermissions) {
  TempFolder folder;
  spill(folder / "a", "old");
  ::chmod((folder / "a").c_str(), 0600);
  write_file_atomically(folder / "a", "new");
  EXPECT_EQ(slurp(folder / "a"), "new");
  struct stat found {};
  ::stat((folder / "a").c_str(), &found);
  EXPECT_EQ(found.st_mode & 07777, 0600U);
}

TEST(AtomicFile, FollowsALink) {
  TempFolder folder;
  std::filesystem::create_directory(folder / "there");
  spill(folder / "there/target", "old");
  std::filesystem::create_symlink("there/target", folder / "link");
  write_file_atomically(folder / "link", "new");
  EXPECT_TRUE(std::filesystem::is_symlink(folder / "link"));
  EXPECT_EQ(slurp(folder / "there/target"), "new");
}

TEST(AtomicFile, DiskFullLeavesTheOldFileAndNoTemporary) {
  TempFolder folder;
  spill(folder / "a", "old");
  {
    const FileSizeLimit limit(100'000);
    AtomicFile file(folder / "a");
    const Error error = thrown_by([&] {
      for (int i = 0; i < 30; ++i) file.write(bytes(std::string(7000, 'x')));
      file.commit();
    });
    EXPECT_EQ(error.fault(), Fault::io);
    EXPECT_THAT(error.what(), HasSubstr((folder / "a").string()));
    EXPECT_THAT(error.what(), HasSubstr("File too large"));
  }
  EXPECT_EQ(slurp(folder / "a"), "old");
  EXPECT_THAT(folder.names(), ElementsAre("a"));
}

TEST(AtomicFile, DevFullIsWrittenToAndNeverReplaced) {
  const Error error = thrown_by([] { write_file_atomically("/dev/full", "x"); });
  EXPECT_EQ(error.fault(), Fault::io);
  EXPECT_EQ(error.code(), "disk-full");
  EXPECT_THAT(error.what(), HasSubstr("/dev/full"));
  EXPECT_THAT(error.what(), HasSubstr("free some space"));
  EXPECT_TRUE(std::filesystem::is_character_file("/dev/full"));
}

TEST(AtomicFile, ARedirectedStdoutIsWrittenInPlace) {
  TempFolder folder;
  const int target = ::open((folder / "redirected").c_str(), O_WRONLY | O_CREAT, 0600);
  write_file_atomically(text("/dev/fd/", target), "content");
  struct stat by_descriptor {
  }, by_name{};
  ::fstat(target, &by_descriptor);
  ::stat((folder / "redirected").c_str(), &by_name);
  ::close(target);
  EXPECT_EQ(slurp(folder / "redirected"), "content");
  EXPECT_EQ(by_descriptor.st_ino, by_name.st_ino);
}

TEST(AtomicFile, APipeIsWrittenThrough) {
  TempFolder folder;
  ASSERT_EQ(::mkfifo((folder / "pipe").c_str(), 0600), 0);
  const int reader = ::open((folder / "pipe").c_str(), O_RDONLY | O_NONBLOCK);
  write_file_atomically(folder / "pipe", "through");
  char got[16];
  EXPECT_EQ(::read(reader, got, sizeof got), 7);
  ::close(reader);
  EXPECT_THAT(folder.names(), ElementsAre("pipe"));
}

TEST(AtomicFile, MissingFolderIsNamedWithAWayOut) {
  TempFolder folder;
  const Error error = thrown_by([&] { AtomicFile file(folder / "no/such/a.wav"); });
  EXPECT_EQ(error.fault(), Fault::io);
  EXPECT_THAT(error.what(), HasSubstr("no/such/a.wav"));
  EXPECT_THAT(error.what(), HasSubstr("No such file or directory; create the folder first"));
}

TEST(AtomicFile, AFolderIsNoFile) {
  TempFolder folder;
  EXPECT_THAT(thrown_by([&] { AtomicFile file(folder.path()); }).what(), HasSubstr("is a folder"));
}

TEST(AtomicFile, ReadOnlyFolder) {
  if (::geteuid() == 0) GTEST_SKIP() << "root may write everywhere";
  TempFolder folder;
  ::chmod(folder.path().c_str(), 0500);
  const Error error = thrown_by([&] { AtomicFile file(folder / "a"); });
  ::chmod(folder.path().c_str(), 0700);
  EXPECT_EQ(error.fault(), Fault::io);
  EXPECT_THAT(error.what(), HasSubstr("choose a place that you may write to"));
}

TEST(AtomicFile, CommitIsCalledOnce) {
  TempFolder folder;
  AtomicFile file(folder / "a");
  file.commit();
  EXPECT_THROW(file.commit(), std::logic_error);
}

TEST(AtomicFile, TheAbortPathRemovesEveryTemporary) {
  TempFolder folder;
  const pid_t child = ::fork();
  if (child == 0) {
    AtomicFile one(folder / "one"), two(folder / "two");
    one.write(bytes("half"));
    remove_live_temporaries();
    ::_exit(0);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
  EXPECT_THAT(folder.names(), IsEmpty());
}

TEST(AtomicFile, MoreThanTheAbortPathRemembersStillWork) {
  TempFolder folder;
  std::vector<std::unique_ptr<AtomicFile>> files;
  for (int i = 0; i < 100; ++i)
    files.push_back(std::make_unique<AtomicFile>(folder / text("f", i)));
  for (auto& file : files) file->commit();
  EXPECT_EQ(folder.names().size(), 100U);
}

TEST(ReadFile, WholeOrRefused) {
  TempFolder folder;
  const std::string content(100'001, 'z');
  spill(folder / "a", content);
  EXPECT_EQ(read_file(folder / "a", content.size()), content);
  const Error large = thrown_by([&] { read_file(folder / "a", content.size() - 1); });
  EXPECT_EQ(large.code(), "file-too-large");
  const Error missing = thrown_by([&] { read_file(folder / "none", 10); });
  EXPECT_EQ(missing.fault(), Fault::input);
  EXPECT_THAT(missing.what(), HasSubstr("none"));
  EXPECT_EQ(thrown_by([&] { read_file(folder.path(), 10); }).fault(), Fault::input);
  // A file without an end and without a size.
  EXPECT_EQ(thrown_by([&] { read_file("/dev/zero", 1 << 20); }).code(), "file-too-large");
  EXPECT_EQ(read_file("/dev/null", 10), "");
}

TEST(WriteFully, AClosedPipeIsNoError) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  ::close(ends[0]);
  const auto old = ::signal(SIGPIPE, SIG_IGN);
  EXPECT_THROW(write_fully(ends[1], bytes("x"), "the pipe"), ClosedPipe);
  ::signal(SIGPIPE, old);
  ::close(ends[1]);
}

}  // namespace
}  // namespace fluvox
