#include "mel/npy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

#include "mel/made_sound.h"
#include "support/temp_folder.h"
#include "support/throws.h"

namespace fluvox::mel {
namespace {

using support::thrown_by;
using testing::ElementsAre;
using testing::HasSubstr;

std::string file(const std::string& header, const std::string& data, int major = 1) {
  std::string out("\x93NUMPY", 6);
  out += {static_cast<char>(major), '\0'};
  for (int i = 0; i < (major == 1 ? 2 : 4); ++i)
    out += static_cast<char>(header.size() >> 8 * i & 255);
  return out + header + data;
}

std::string header(const std::string& descr, bool fortran, const std::string& shape) {
  return "{'descr': '" + descr + "', 'fortran_order': " + (fortran ? "True" : "False") +
         ", 'shape': " + shape + ", }\n";
}

template <class T>
std::string raw(const std::vector<T>& values, bool swapped = false) {
  std::string out;
  for (const T value : values) {
    char bytes[sizeof(T)];
    std::memcpy(bytes, &value, sizeof(T));
    for (size_t i = 0; i < sizeof(T); ++i) out += bytes[swapped ? sizeof(T) - 1 - i : i];
  }
  return out;
}

NpyArray parse(const std::string& bytes) {
  return parse_npy(std::as_bytes(std::span(bytes)), "x.npy");
}
Error refusal(const std::string& bytes) {
  return thrown_by([&] { parse(bytes); });
}

TEST(Npy, ReadsEveryElementTypeByteOrderAndVersion) {
  const std::vector<float> f4 = {1, -2.5F, 1e-30F, 3e38F, 0, 6};
  const std::vector<double> f8(f4.begin(), f4.end());
  const std::vector<uint16_t> f2 = {0x3c00, 0xc100, 0x0001, 0x7bff, 0x8000, 0x0400};
  for (const int major : {1, 2, 3})
    for (const bool swapped : {false, true}) {
      const std::string order = swapped ? ">" : "<";
      NpyArray array = parse(file(header(order + "f4", false, "(2, 3)"), raw(f4, swapped), major));
      EXPECT_THAT(array.shape, ElementsAre(2, 3));
      EXPECT_EQ(array.values, f4);
      array = parse(file(header(order + "f8", false, "(6,)"), raw(f8, swapped), major));
      EXPECT_THAT(array.shape, ElementsAre(6));
      EXPECT_EQ(array.values, f4);
      array = parse(file(header(order + "f2", false, "(3L, 2L)"), raw(f2, swapped), major));
      EXPECT_THAT(array.values, ElementsAre(1, -2.5F, std::ldexp(1.0F, -24), 65504, -0.0F,
                                            std::ldexp(1.0F, -14)));
      EXPECT_TRUE(std::signbit(array.values[4]));
    }
}

TEST(Npy, EveryFloat16IsItsNumber) {
  for (uint32_t bits = 0; bits < 65536; ++bits) {
    const uint32_t exponent = bits >> 10 & 31;
    const std::string bytes =
        file(header("<f2", false, "(1,)"), raw<uint16_t>({static_cast<uint16_t>(bits)}));
    if (exponent == 31) {
      ASSERT_EQ(refusal(bytes).code(), "npy-not-finite");
      continue;
    }
    const double fraction = (bits & 1023) / 1024.0;
    const double size =
        exponent == 0 ? fraction * std::exp2(-14) : (1 + fraction) * std::exp2(exponent - 15.0);
    ASSERT_EQ(parse(bytes).values[0], static_cast<float>((bits & 0x8000) != 0 ? -size : size))
        << bits;
  }
}

TEST(Npy, FortranOrderIsTurned) {
  std::vector<float> stored;
  for (int k = 0; k < 4; ++k)
    for (int j = 0; j < 3; ++j)
      for (int i = 0; i < 2; ++i) stored.push_back(static_cast<float>(100 * i + 10 * j + k));
  const NpyArray array = parse(file(header("<f4", true, "(2, 3, 4)"), raw(stored)));
  size_t place = 0;
  for (int i = 0; i < 2; ++i)
    for (int j = 0; j < 3; ++j)
      for (int k = 0; k < 4; ++k)
        EXPECT_EQ(array.values[place++], static_cast<float>(100 * i + 10 * j + k));
}

TEST(Npy, HeadersMayBeSpelledDifferently) {
  const std::string data = raw<float>({1, 2});
  EXPECT_EQ(
      parse(file("{\"shape\":(2,),\"fortran_order\":False,\"descr\":\"<f4\"}", data)).values[1], 2);
  EXPECT_EQ(
      parse(file("  { 'shape' : ( 1 , 2 ) , 'descr' : '=f4' , 'fortran_order' : True }   \n", data))
          .values[1],
      2);
  EXPECT_EQ(parse(file(header("<f4", false, "()"), raw<float>({7}))).values[0], 7);
}

TEST(Npy, ReadsItsOwnFilesAndTheyAreNumPys) {
  const support::TempFolder folder;
  const std::vector<float> values = made::noise(80 * 7);
  const std::vector<size_t> shape = {80, 7};
  write_npy(folder / "a.npy", shape, values);
  const NpyArray back = read_npy(folder / "a.npy");
  EXPECT_EQ(back.shape, shape);
  EXPECT_EQ(back.values, values);
  const std::string bytes = support::slurp(folder / "a.npy");
  // What numpy.save writes for numpy.zeros((80, 7), "f4"), to the byte.
  const std::string expected = std::string("\x93NUMPY\x01\x00v\x00", 10) +
                               "{'descr': '<f4', 'fortran_order': False, 'shape': (80, 7), }" +
                               std::string(57, ' ') + "\n";
  EXPECT_EQ(bytes.substr(0, 128), expected);
  EXPECT_EQ(bytes.size(), 128 + 80 * 7 * 4);
  for (const size_t length : {size_t{1}, size_t{1'000'000'000'000}})
    EXPECT_EQ(npy_bytes(std::vector{length, length, length}, {}).size() % 64, 0U);
}

TEST(Npy, AFileIsReadWhereItIsAsked) {
  const support::TempFolder folder;
  // More than are decoded at once.
  const std::vector<float> values = made::noise(3 * 20'000);
  const std::vector<double> wide(values.begin(), values.end());
  for (const bool fortran : {false, true}) {
    support::spill(folder / "a.npy", file(header(">f8", fortran, "(3, 20000)"), raw(wide, true)));
    const NpySource source = open_npy(folder / "a.npy");
    EXPECT_THAT(source.shape, ElementsAre(3, 20000));
    EXPECT_EQ(source.fortran_order, fortran);
    for (const auto& [first, count] :
         {std::pair<size_t, size_t>{0, 60'000}, {59'999, 1}, {7, 17'000}}) {
      std::vector<float> part(count);
      source.read(first, part);
      EXPECT_TRUE(std::equal(part.begin(), part.end(),
                             values.begin() + static_cast<std::ptrdiff_t>(first)));
    }
  }
  // Each value is looked at when it is read, and the place in the message is its own.
  std::vector<float> bad = values;
  bad[20'003] = std::numeric_limits<float>::quiet_NaN();
  support::spill(folder / "a.npy", file(header("<f4", false, "(3, 20000)"), raw(bad)));
  const NpySource source = open_npy(folder / "a.npy");
  std::vector<float> part(20'000);
  source.read(0, part);
  const Error error = thrown_by([&] { source.read(20'000, part); });
  EXPECT_EQ(error.code(), "npy-not-finite");
  EXPECT_THAT(error.what(), HasSubstr("a.npy"));
  EXPECT_THAT(error.what(), HasSubstr("[1, 3]"));
  // A file that became shorter since it was opened.
  std::filesystem::resize_file(folder / "a.npy", 4 * 50'000);
  EXPECT_EQ(thrown_by([&] { source.read(40'000, part); }).code(), "file-cut-short");
}

TEST(Npy, AHeaderIsHeldAgainstTheSizeOfItsFile) {
  const support::TempFolder folder;
  support::spill(folder / "a.npy",
                 file(header("<f4", false, "(80, 1000)"), std::string(320'000, '\0')));
  EXPECT_NO_THROW(open_npy(folder / "a.npy"));
  std::filesystem::resize_file(folder / "a.npy", 300'000);
  EXPECT_EQ(thrown_by([&] { open_npy(folder / "a.npy"); }).code(), "npy-truncated");
  std::filesystem::resize_file(folder / "a.npy", 400'000);
  EXPECT_EQ(thrown_by([&] { open_npy(folder / "a.npy"); }).code(), "npy-invalid");
}

TEST(Npy, HostileFilesAreRefused) {
  const std::string data = raw<float>({1, 2, 3, 4});
  const std::string good = header("<f4", false, "(4,)");
  const auto code = [&](const std::string& head) { return refusal(file(head, data)).code(); };
  EXPECT_EQ(refusal("").code(), "npy-invalid");
  EXPECT_EQ(refusal("hello, this is text").code(), "npy-invalid");
  EXPECT_THAT(refusal("PK\x03\x04" + std::string(40, 'x')).what(), HasSubstr(".npz"));
  EXPECT_THAT(refusal(file(good, data, 9)).what(), HasSubstr("version 9.0"));
  EXPECT_EQ(refusal(file(good, data).substr(0, 60)).code(), "npy-truncated");
  EXPECT_EQ(refusal(file(good, data.substr(0, 15))).code(), "npy-truncated");
  EXPECT_EQ(refusal(file(good, data + "x")).code(), "npy-invalid");
  EXPECT_EQ(refusal(file(good, "")).code(), "npy-truncated");
  // A header that claims 4 GB, and shapes whose product overflows or is 0.
  EXPECT_EQ(code(header("<f4", false, "(1073741824,)")), "npy-truncated");
  EXPECT_EQ(code(header("<f4", false, "(4294967296, 4294967296)")), "npy-truncated");
  EXPECT_EQ(code(header("<f4", true, "(9223372036854775808, 2, 4)")), "npy-truncated");
  EXPECT_EQ(code(header("<f4", false, "(18446744073709551616,)")), "npy-header");
  EXPECT_EQ(code(header("<f4", false, "(-4,)")), "npy-header");
  EXPECT_EQ(code(header("<f4", false, "(0, 9223372036854775807)")), "npy-invalid");
  EXPECT_EQ(code(header("<f4", false, "(4.0,)")), "npy-header");
  std::string many = "(";
  for (int i = 0; i < 33; ++i) many += "1,";
  EXPECT_EQ(code(header("<f4", false, many + ")")), "npy-header");
  std::string longest(70'000, ' ');
  EXPECT_EQ(refusal(file(good + longest, data, 2)).code(), "npy-invalid");
  // Other types.
  EXPECT_THAT(refusal(file(header("|O", false, "(4,)"), data)).what(), HasSubstr("never loaded"));
  for (const char* type : {"<i4", "<c8", "|S4", "<f16", "<f4x", "f4", "", "<f0"})
    EXPECT_EQ(code(header(type, false, "(4,)")), "npy-invalid") << type;
  EXPECT_EQ(code("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (4,), }"),
            "npy-header");
  // Dictionaries that are none.
  for (const char* head :
       {"", "{", "{}", "{'descr': '<f4'}",
        "{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (4,)}",
        "{'descr': '<f4', 'fortran_order': 0, 'shape': (4,)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': [4]}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (4,)} x",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (4,", "{'descr': '<f4",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (4,), 'more': 1}",
        "{'descr': '<f4' 'fortran_order': False, 'shape': (4,)}"})
    EXPECT_EQ(code(head), "npy-header") << head;
}

TEST(Npy, NotANumberIsRefusedWithItsPlace) {
  const float nan = std::numeric_limits<float>::quiet_NaN(),
              inf = std::numeric_limits<float>::infinity();
  for (const float bad : {nan, inf, -inf}) {
    const Error error =
        refusal(file(header("<f4", false, "(2, 3)"), raw<float>({0, 1, 2, 3, bad, 5})));
    EXPECT_EQ(error.code(), "npy-not-finite");
    EXPECT_THAT(error.what(), HasSubstr("[1, 1]"));
  }
  EXPECT_THAT(refusal(file(header("<f4", true, "(2, 3)"), raw<float>({0, 1, 2, 3, nan, 5}))).what(),
              HasSubstr("[0, 2]"));
  EXPECT_EQ(refusal(file(header("<f8", false, "(1,)"), raw<double>({1e39}))).code(),
            "npy-not-finite");
}

// Cut anywhere, and with any byte changed: an Error or an array, and never more memory than the
// file asks for.
TEST(Npy, MutatedFilesNeverCrash) {
  const std::string good = file(header("<f4", true, "(4, 5)"), raw(made::noise(20)));
  for (size_t length = 0; length < good.size(); ++length) {
    const Error error = refusal(good.substr(0, length));
    EXPECT_EQ(error.fault(), Fault::input);
    EXPECT_THAT(error.what(), HasSubstr("x.npy"));
  }
  made::Random random(3);
  for (int round = 0; round < 50'000; ++round) {
    std::string bad = good;
    const uint32_t changes = 1 + random.bits() % 3;
    for (uint32_t i = 0; i < changes; ++i) {
      const size_t place = random.bits() % bad.size();
      switch (random.bits() % 3) {
        case 0:
          bad[place] = static_cast<char>(random.bits());
          break;
        case 1:
          bad.erase(place, 1);
          break;
        default:
          bad.insert(place, 1, "0123456789(),'{}:"[random.bits() % 17]);
      }
    }
    try {
      EXPECT_LE(parse(bad).values.size(), bad.size() / 2);
    } catch (const Error&) {
    }
  }
}

TEST(Npy, AFullDiskIsTheOutputsFault) {
  EXPECT_EQ(
      thrown_by([] { write_npy("/dev/full", std::vector<size_t>{3}, made::noise(3)); }).fault(),
      Fault::io);
  const support::TempFolder folder;
  EXPECT_EQ(thrown_by([&] {
              write_npy(folder / "none/a.npy", std::vector<size_t>{3}, made::noise(3));
            }).fault(),
            Fault::io);
  EXPECT_TRUE(folder.names().empty());
  EXPECT_THAT(thrown_by([&] { read_npy(folder / "absent.npy"); }).what(), HasSubstr("absent.npy"));
}

}  // namespace
}  // namespace fluvox::mel
