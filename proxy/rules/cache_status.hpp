#pragma once
// What this cache did, for the next one to read. RFC 9211.

#include <optional>

#include "proxy/rules/appender.hpp"
#include "proxy/rules/reuse.hpp"
#include "proxy/rules/storable.hpp"

namespace proxy::rules {

struct CacheStatus {
    bool hit = true;                           // where not forwarded; else an answer of the cache's own
    std::optional<ForwardReason> forwarded{};  // empty: not forwarded
    std::optional<seconds> ttl{};              // remaining freshness; negative when stale
    std::optional<unsigned> forward_status{};  // what the origin answered
    bool stored = false;
    bool collapsed = false;
    std::string_view detail{};  // a token or a quoted string: why not stored, which tier, ...; empty: none
};

// Appends one list member, e.g. `Weir; hit; ttl=299` or `Weir; fwd=uri-miss; fwd-status=200; stored`.
void append_cache_status(Appender& out, std::string_view name, const CacheStatus& status);

}  // namespace proxy::rules
