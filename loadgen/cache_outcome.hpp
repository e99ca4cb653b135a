#pragma once
// Whether a response came from a cache, by what it says of itself.

#include <string_view>

namespace loadgen {

// By Cache-Status (RFC 9211) where there is one, else by X-Cache; neither is a miss. Both are lists to which every
// cache on the way appends itself, so the last member is the cache nearest to us, and it alone counts. In Cache-Status
// it must have the parameter `hit`, in X-Cache begin with HIT. Several field lines: the last one's value.
[[nodiscard]] bool is_hit(std::string_view cache_status, std::string_view x_cache);

}  // namespace loadgen
