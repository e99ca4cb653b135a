#pragma once
// The numbers of one worker, written by it alone and read when scraped.

#include <array>

#include "proxy/counters.hpp"
#include "proxy/observe/exchange_record.hpp"
#include "proxy/observe/limits.hpp"

namespace proxy::observe {

enum class PurgeSource : std::uint8_t {
    admin,   // the admin listener's API
    client,  // PURGE where clients connect
    origin   // the answer to an unsafe request, and the like. RFC 9111 §4.4
};
inline constexpr std::size_t purge_source_count = 3;

struct WorkerMetrics {
    static constexpr std::size_t status_classes = 6;  // index 0: no answer was sent; else the first digit

    std::array<std::array<Counter, status_classes>, outcome_count> requests;
    Counter memory_hits, redis_hits;  // answered from that tier
    Counter misses;                   // outcome miss: what the original demo called a miss
    Histogram hit_latency, miss_latency, other_latency;
    std::array<Counter, rules::forward_reason_count> forwarded;
    std::array<Counter, rules::uncacheable_count> uncacheable;
    Counter stored;     // responses published
    Counter collapsed;  // answered by another request's exchange with the origin
    Counter followers;  // requests that are being answered so
    Counter background_fetches, background_fetches_total, background_fetches_refused;
    std::array<Counter, 2>
        resumptions;            // content lost in Redis on its way: [0] completed by the origin, [1] broken off
    Counter puts_refused;       // not sent to Redis: too much content was on its way already
    Counter pending_put_bytes;  // content on its way to Redis
    std::array<Counter, purge_source_count> purges;
    Counter bytes_sent;
    Counter connections_open, connections_total, connections_refused;
    Counter idle_connections_closed;  // to make room for others
    Counter malformed_requests;
    Counter tunnels, tunnels_total;                  // connections that another protocol took over: now; ever
    std::array<Counter, limit_names.size()> limits;  // clients that came up against them

    void count(Limit limit) noexcept { limits[static_cast<std::size_t>(limit)].add(); }
    void record(const ExchangeRecord& record) noexcept;  // called once per request
};

}  // namespace proxy::observe
