#pragma once
// From the origin's response to a stored one: under which key, with what content, and out to both tiers.

#include "proxy/serving/collector.hpp"
#include "proxy/serving/worker.hpp"
#include "proxy/upstream/fetch.hpp"

namespace proxy::serving {

// Made before the origin is asked. Refers to all it is made of.
struct Storage {
    Worker& worker;
    const rules::Policy& policy;
    const rules::RequestHeader& request;  // the one that caused the response
    const std::string& primary_key;
    const store::Mark mark = worker.node().purges.mark();
    const Clock::time_point asked = Clock::now();

    // Whether the response may be stored, and how. `selective`: see rules::ForwardPlan. `had` (may be null): what is
    // stored already; a part does not replace a complete response.
    [[nodiscard]] rules::Storing decide(const rules::ResponseHeader& response, const rules::Arrival& arrival,
                                        bool request_has_content, bool selective,
                                        const rules::StoredResponse* had) const;

    // Gathers the response, unless it may not be stored.
    [[nodiscard]] Collector collector(const upstream::Exchange& exchange, rules::Storing storing) const;

    // All of a complete response but its content.
    [[nodiscard]] store::StoredPtr outline(const rules::ResponseHeader& response, const rules::Arrival& arrival,
                                           const rules::Freshness& freshness,
                                           std::optional<std::uint64_t> content_length) const;

    // `stored` with what a 304 says of it; null as rules::freshen.
    [[nodiscard]] store::StoredPtr freshened(const rules::StoredResponse& stored,
                                             const rules::ResponseHeader& not_modified,
                                             const rules::Arrival& arrival) const;

    [[nodiscard]] milliseconds fetch_time() const { return std::chrono::floor<milliseconds>(Clock::now() - asked); }

    // What to publish once the collector has it all. A part is combined with the part `had` (may be null) where their
    // validators allow that. Null where there is more of a part than it says.
    [[nodiscard]] store::StoredPtr stored_response(const rules::ResponseHeader& response, const rules::Arrival& arrival,
                                                   Collector& collector, const rules::StoredResponse* had) const;

    // The key of the variant; empty where it would be too long.
    [[nodiscard]] std::string key_for(const rules::ResponseHeader& response) const;

    // Why not, where nothing was stored: no response was made, it is of no use any more, what is stored has more of the
    // content, or it was purged meanwhile.
    std::optional<rules::Uncacheable> publish(store::StoredPtr stored) const;

    Awaitable<void> invalidate() const;  // all variants, on all nodes
};

// Reads the content to its end, or until it turns out not to be storable. The error is the origin's.
Awaitable<boost::system::error_code> gather(upstream::Exchange& origin, Collector& collector);

}  // namespace proxy::serving
