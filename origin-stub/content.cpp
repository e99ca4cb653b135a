#include "origin-stub/content.hpp"

#include <algorithm>

namespace origin_stub {

namespace {

constexpr std::string_view alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
constexpr unsigned bytes_per_word = 10;  // of six bits each

// FNV-1a
std::uint64_t hash(std::string_view key) noexcept {
    std::uint64_t value = 14695981039346656037ull;
    for (const char c : key) value = (value ^ static_cast<unsigned char>(c)) * 1099511628211ull;
    return value;
}

// SplitMix64's finaliser
std::uint64_t mix(std::uint64_t value) noexcept {
    value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9ull;
    value = (value ^ (value >> 27)) * 0x94d049bb133111ebull;
    return value ^ (value >> 31);
}

}  // namespace

std::uint64_t hash_of(std::string_view text) noexcept { return mix(hash(text)); }

std::string pattern(std::string_view key, std::uint64_t offset, std::size_t length) {
    const std::uint64_t seed = hash(key);
    std::string text;
    text.reserve(length + bytes_per_word);
    std::uint64_t word = offset / bytes_per_word;
    std::uint64_t skipped = offset % bytes_per_word;
    while (text.size() < length) {
        std::uint64_t bits = mix(seed + word * 0x9e3779b97f4a7c15ull) >> (6 * skipped);
        for (std::uint64_t i = skipped; i < bytes_per_word; ++i, bits >>= 6) text += alphabet[bits & 63];
        skipped = 0;
        ++word;
    }
    text.resize(length);
    return text;
}

std::string Content::read(std::uint64_t offset, std::size_t length) const {
    if (offset >= size()) return {};
    const auto available = static_cast<std::size_t>(std::min<std::uint64_t>(length, size() - offset));
    return is_pattern_ ? pattern(text_, begin_ + offset, available)
                       : text_.substr(static_cast<std::size_t>(begin_ + offset), available);
}

}  // namespace origin_stub
