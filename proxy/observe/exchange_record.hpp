#pragma once
// One client request and what became of it. Filled in along the way, handed over once: when the client has its answer
// or is gone. Cache-Status, the access log and the metrics are three views of it, so they cannot disagree.

#include <boost/system/error_code.hpp>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>

#include "proxy/rules/reuse.hpp"
#include "proxy/rules/storable.hpp"

namespace proxy::observe {

enum class Outcome : std::uint8_t {
    hit,          // answered from a fresh stored response, or (collapsed) from another request's
    stale,        // answered from a stale one: while revalidating, or because the origin failed
    revalidated,  // the origin confirmed the stored response
    miss,         // the origin answered, and the request could have been a hit
    bypass,       // forwarded because of its method, or because the route does not cache
    local,        // a local endpoint
    error         // answered by the proxy itself: malformed, too large, 502, 503, 504
};
inline constexpr std::size_t outcome_count = 7;

enum class Tier : std::uint8_t { none, memory, redis };

[[nodiscard]] std::string_view to_string(Outcome outcome) noexcept;  // "hit", ...
[[nodiscard]] std::string_view to_string(Tier tier) noexcept;        // "memory", ...

struct ExchangeRecord {
    // The views are valid until the record has been handed over.
    std::string_view client{};  // address
    std::string_view method{};
    std::string_view authority{};
    std::string_view target{};
    std::string_view request_id{};

    Outcome outcome = Outcome::error;
    Tier tier = Tier::none;
    std::optional<rules::ForwardReason> forwarded{};  // empty: a hit, or an answer of our own
    std::optional<unsigned> forward_status{};         // what the origin answered
    std::optional<rules::Uncacheable> uncacheable{};  // why the origin's answer was not stored
    bool stored = false;
    bool collapsed = false;
    unsigned status = 0;                   // sent to the client; 0: none was
    std::string_view detail{};             // what an error answer of our own says; static
    std::uint64_t bytes_sent = 0;          // header section included
    std::chrono::nanoseconds total{0};     // header complete to last byte written
    std::chrono::nanoseconds upstream{0};  // request sent to the origin's last byte
    boost::system::error_code error{};     // what broke the exchange off, if anything did
};

}  // namespace proxy::observe
