#pragma once
// What Redis answers.

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace proxy::store {

struct Reply {
    enum class Type { nil, integer, string, status, error, array } type = Type::nil;
    std::int64_t integer = 0;
    std::string text;  // of a string, status or error
    std::vector<Reply> elements;
};

[[nodiscard]] inline bool is_error(const Reply& reply) noexcept { return reply.type == Reply::Type::error; }

using Replies = std::vector<Reply>;
using Commands = std::vector<std::vector<std::string_view>>;  // each: its name and its arguments

// What an error reply is about, by its first word.
enum class RedisError : std::uint8_t {
    oom,         // no memory left for what was to be stored
    loading,     // it has just started
    busy,        // a script of somebody's runs for too long
    masterdown,  // a replica that has lost its master
    readonly,    // a replica
    noauth,      // it wants a password
    noperm,      // our user may not do this
    misconf,     // it cannot write to its disk, and therefore stores nothing
    wrongtype,   // the key holds something else
    other,
};
inline constexpr std::array<std::string_view, 10> redis_error_names{
    "OOM", "LOADING", "BUSY", "MASTERDOWN", "READONLY", "NOAUTH", "NOPERM", "MISCONF", "WRONGTYPE", "other"};

[[nodiscard]] RedisError error_of(const Reply& reply) noexcept;  // of an error reply

// Whether it says that no command would do better.
[[nodiscard]] bool is_unwell(RedisError error) noexcept;

}  // namespace proxy::store
