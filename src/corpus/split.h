// What is held out of training: decided by a seed and by names alone, so that neither the order of
// the files nor what else is there changes much.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <vector>

namespace fluvox::corpus {

// The `count` names whose SHA-256 of "seed:name" comes first.
std::set<std::string> held_out(const std::set<std::string>& names, size_t count, uint64_t seed);

// The part of a clip's name before "__", by which folders of clips tell the speaker; "" without.
std::string speaker_in(const std::string& name);

}  // namespace fluvox::corpus
