#include "proxy/serving/lookup.hpp"

namespace proxy::serving {

Awaitable<LookedUp> look_in_redis(ClientExchange& exchange, store::Found known) {
    Worker& worker = exchange.worker;
    LookedUp result{.found = std::move(known)};
    result.mark = worker.node().purges.mark();
    Result<store::Found> shared = co_await worker.redis()->lookup(exchange.key, exchange.request);
    if (shared.has_error()) {
        result.store_failed = shared.error() != Errc::store_incomplete && shared.error() != Errc::bad_wire_format;
        co_return result;
    }
    const store::StoredPtr& stored = result.found.response;
    const store::StoredPtr& response = shared->response;
    const bool is_newer = response && (!stored || response->arrival().response_time > stored->arrival().response_time);
    if (is_newer || (response && stored->partial() && !response->partial())) {
        const seconds keep = response->useful_for(worker.now(), exchange.policy().keep_for_validation);
        if (!shared->content) worker.remember(exchange.key, response, keep, result.mark);
        result.found = std::move(*shared);
        result.is_from_redis = true;
    } else if (!stored && shared->vary_miss) {
        result.found = std::move(*shared);
    }
    co_return result;
}

}  // namespace proxy::serving
