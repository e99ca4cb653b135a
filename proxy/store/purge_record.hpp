#pragma once
// A purge as an entry of the log, readable by redis-cli:
//   at 1700000000000 soft 1 url http://example.com/a url http://example.com/b surrogate-key news
// `at`: milliseconds since 1970 by the clock of who appended it; prefix, host; everything 1; begin 1: see
// purge_log.hpp.

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "proxy/store/purges.hpp"
#include "proxy/store/redis_feed.hpp"

namespace proxy::store {

using WallClock = std::chrono::time_point<std::chrono::system_clock, std::chrono::milliseconds>;

// Name, value, name, value...
[[nodiscard]] std::vector<std::string> encode_purge(const Purge& purge, WallClock now);

struct PurgeRecord {
    Purge purge;
    std::optional<WallClock> appended{};
    bool understood = true;  // false: of a later version, or damaged. To be safe it then purges everything.
};

[[nodiscard]] PurgeRecord decode_purge(StreamEntry entry);

}  // namespace proxy::store
