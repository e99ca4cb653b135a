#pragma once
// Where stored responses live. Two tiers have these functions: memory (plain) and Redis (may have to wait).

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/async/buffer_budget.hpp"
#include "proxy/async/executor.hpp"
#include "proxy/error.hpp"
#include "proxy/rules/cache_key.hpp"
#include "proxy/rules/stored_response.hpp"
#include "proxy/store/purges.hpp"

namespace proxy::store {

using rules::StoredPtr;
using rules::Time;
using std::chrono::seconds;

using Chunks = std::vector<rules::Chunk>;

// Content that is read while it is sent. On the tier's own worker.
struct ContentSource {
    virtual ~ContentSource() = default;

    // The next chunks in their order; none at the end. After an error there are no more: the tier has failed, or has
    // lost the rest.
    virtual Awaitable<Result<Chunks>> next() = 0;

    // Of all of it, as it was stored (ContentDigest).
    [[nodiscard]] virtual std::uint64_t digest() const = 0;
};

struct Found {
    StoredPtr response;      // null on a miss
    bool vary_miss = false;  // variants are stored under the key, none for this request
    std::string variant{};   // then the key that the one for this request would have, as far as is known

    // Where content is large: the response's body has its size and no chunks, they are here. Begun, so that all of it
    // was there a moment ago. Must not outlive its tier.
    std::unique_ptr<ContentSource> content = nullptr;
};

// A response with all of the content that `outline` lacks, which counts in `share`. Errors: the tier's; no_buffers.
[[nodiscard]] Awaitable<Result<StoredPtr>> read_all(ContentSource& content, StoredPtr outline, BufferShare& share);

// A tier that may have to wait. Arguments live until the awaitable completes; it runs on the tier's own worker. Even
// when cancelled, put stores all or nothing. What is stored but unusable (damaged, another key, another version) is a
// miss.
struct Store {
    virtual ~Store() = default;

    // Of several variants that match, the one with the most recent Date. RFC 9111 §4.1. What was purged is a miss, or
    // stale.
    virtual Awaitable<Result<Found>> lookup(std::string_view primary_key, const rules::RequestHeader& request) = 0;

    // Stores under response->key, and for a variant names its selecting fields under `primary_key`. Gone after `keep`.
    // `mark`: taken before the origin was asked.
    // Does nothing where the key is empty (rules::variant_key) or the content larger than the tier takes.
    virtual Awaitable<Result<void>> put(std::string_view primary_key, StoredPtr response, seconds keep, Mark mark) = 0;

    // The response under `primary_key` and all its variants. None there is no error.
    virtual Awaitable<Result<void>> remove(std::string_view primary_key) = 0;
};

}  // namespace proxy::store
