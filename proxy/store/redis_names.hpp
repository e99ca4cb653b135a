#pragma once
// How the keys in Redis begin.

#include <string>
#include <string_view>

namespace proxy::store {

// All of one primary key share the hash tag: one slot of a Redis Cluster. What follows the brace tells them apart; no
// field name has a colon, so nothing that begins with one is a variant's.
[[nodiscard]] inline std::string redis_name(std::string_view prefix, std::string_view hash_tag) {
    std::string name;
    name.reserve(prefix.size() + hash_tag.size() + 32);
    name += prefix;
    name += ":{";
    name += hash_tag;
    name += '}';
    return name;
}

}  // namespace proxy::store
