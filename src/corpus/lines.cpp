#include "corpus/lines.h"

#include <sstream>

#include "core/atomic_file.h"

namespace fluvox::corpus {

std::vector<std::string> lines_of(const std::filesystem::path& path) {
  constexpr size_t kMostBytes = size_t{256} << 20;
  std::string content = read_file(path, kMostBytes);
  if (content.starts_with("\xEF\xBB\xBF")) content.erase(0, 3);
  std::istringstream in(std::move(content));
  in.exceptions(std::ios::badbit);  // want of memory is not the end
  std::vector<std::string> lines;
  for (std::string line; std::getline(in, line);) {
    while (!line.empty() && (line.back() == '\r' || line.back() == ' ')) line.pop_back();
    if (!line.empty()) lines.push_back(line);
  }
  return lines;
}

std::vector<std::string> split_at(const std::string& line, char separator) {
  std::vector<std::string> parts;
  size_t begin = 0;
  for (size_t end; (end = line.find(separator, begin)) != line.npos; begin = end + 1)
    parts.push_back(line.substr(begin, end - begin));
  parts.push_back(line.substr(begin));
  return parts;
}

std::vector<std::string> split_once(const std::string& line, char separator) {
  const std::string gap = separator == ' ' ? " \t" : std::string(1, separator);
  const size_t end = line.find_first_of(gap);
  if (end == line.npos) return {line};
  const size_t next = line.find_first_not_of(gap, end);
  return {line.substr(0, end), next == line.npos ? "" : line.substr(next)};
}

std::vector<std::string> split_words(const std::string& line) {
  std::istringstream in(line);
  in.exceptions(std::ios::badbit);  // want of memory is not the end
  std::vector<std::string> words;
  for (std::string word; in >> word;) words.push_back(word);
  return words;
}

}  // namespace fluvox::corpus
