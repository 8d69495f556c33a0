// The instructions of a pickle by the names that Python's pickletools gives them.
#pragma once

#include <cstdint>

namespace fluvox::imports {

enum class Opcode : uint8_t {
  mark = '(',
  stop = '.',
  pop = '0',
  pop_mark = '1',
  dup = '2',
  float_text = 'F',
  int_text = 'I',
  bin_int = 'J',
  bin_int1 = 'K',
  long_text = 'L',
  bin_int2 = 'M',
  none = 'N',
  bin_persid = 'Q',
  reduce = 'R',
  string_text = 'S',
  bin_string = 'T',
  short_bin_string = 'U',
  unicode_text = 'V',
  bin_unicode = 'X',
  append = 'a',
  build = 'b',
  global = 'c',
  dict = 'd',
  empty_dict = '}',
  appends = 'e',
  get = 'g',
  bin_get = 'h',
  long_bin_get = 'j',
  list = 'l',
  empty_list = ']',
  put = 'p',
  bin_put = 'q',
  long_bin_put = 'r',
  set_item = 's',
  tuple = 't',
  empty_tuple = ')',
  set_items = 'u',
  bin_float = 'G',
  bin_bytes = 'B',
  short_bin_bytes = 'C',
  proto = 0x80,
  new_obj = 0x81,
  tuple1 = 0x85,
  tuple2 = 0x86,
  tuple3 = 0x87,
  new_true = 0x88,
  new_false = 0x89,
  long1 = 0x8a,
  long4 = 0x8b,
  short_bin_unicode = 0x8c,
  bin_unicode8 = 0x8d,
  bin_bytes8 = 0x8e,
  empty_set = 0x8f,
  add_items = 0x90,
  stack_global = 0x93,
  memoize = 0x94,
  frame = 0x95,
  byte_array8 = 0x96
};

// "REDUCE"; of those that are refused too ("INST"); "unknown" for what is no instruction at all.
const char* name_of(Opcode opcode);

}  // namespace fluvox::imports
