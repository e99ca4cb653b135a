#pragma once
// An answer from a transfer: that of another request, or of the client's own.

#include "proxy/serving/content_framer.hpp"
#include "proxy/serving/exchange.hpp"
#include "proxy/serving/transfer.hpp"

namespace proxy::serving {

enum class Followed {
    answered,
    alone,  // the transfer's answer is not for this request: ask for one of its own
    again   // likewise, but others may ask for it too, under `name`: it is another variant, was purged, or is stale
};

// Waits for what the reader's transfer brings, and answers with it where it may. `stored` (may be null): what the cache
// has, should the origin fail.
Awaitable<Followed> follow(ClientExchange& exchange, Transfer::Reader& reader, const store::StoredPtr& stored,
                           std::string& name);

// `size` bytes of the transfer's content, or all that is left, from where the reader stands; behind the head that was
// sent already. A transfer that fails breaks the client's connection off.
Awaitable<void> stream_content(ClientExchange& exchange, Transfer::Reader& reader, Framing framing,
                               std::optional<std::uint64_t> size);

// How long the content of a transfer may make no progress; it ends earlier by itself.
[[nodiscard]] Clock::time_point content_limit(const ClientExchange& exchange);

}  // namespace proxy::serving
