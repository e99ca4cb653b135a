#include "origin-stub/versions.hpp"

#include <algorithm>
#include <array>
#include <boost/crc.hpp>
#include <cstdio>

#include "origin-stub/content.hpp"

namespace origin_stub {

namespace {

std::size_t length_of(std::uint64_t chance) {
    const std::uint64_t kind = chance % 64;
    const std::uint64_t more = chance / 64;
    if (kind == 0) return static_cast<std::size_t>((2u << 20) + more % (1u << 20));
    if (kind <= 7) return static_cast<std::size_t>((200u << 10) + more % (400u << 10));
    return static_cast<std::size_t>(more % 4096);
}

}  // namespace

std::uint64_t Versions::of(std::string_view key) const noexcept {
    const auto found = raised_.find(key);
    return found == raised_.end() ? 1 : found->second;
}

std::optional<std::uint64_t> Versions::raise(std::string_view key) {
    auto found = raised_.find(key);
    if (found == raised_.end()) {
        if (raised_.size() >= max_keys) return std::nullopt;
        found = raised_.emplace(key, 1).first;
    }
    return ++found->second;
}

std::string versioned_content(std::string_view key, std::uint64_t version) {
    const std::string name = std::string(key) + ' ' + std::to_string(version);
    const std::string filler = pattern(name, 0, length_of(hash_of(name)));
    boost::crc_32_type crc;
    crc.process_bytes(filler.data(), filler.size());
    std::array<char, 16> checksum{};
    std::snprintf(checksum.data(), checksum.size(), "%08x", static_cast<unsigned>(crc.checksum()));
    return name + ' ' + std::to_string(filler.size()) + ' ' + checksum.data() + '\n' + filler;
}

std::string surrogate_keys_of(std::string_view key) {
    std::string keys(key);
    std::ranges::replace(keys, '/', ' ');
    return keys;
}

}  // namespace origin_stub
