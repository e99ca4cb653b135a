#pragma once
// Where stored responses live. Two tiers have these functions: memory (plain) and Redis (may have to wait).

#include <string>
#include <string_view>

#include "proxy/async/executor.hpp"
#include "proxy/error.hpp"
#include "proxy/rules/cache_key.hpp"
#include "proxy/rules/stored_response.hpp"
#include "proxy/store/purges.hpp"

namespace proxy::store {

using rules::StoredPtr;
using rules::Time;
using std::chrono::seconds;

struct Found {
    StoredPtr response;      // null on a miss
    bool vary_miss = false;  // variants are stored under the key, none for this request
};

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
