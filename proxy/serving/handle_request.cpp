#include "proxy/serving/handle_request.hpp"

#include "proxy/rules/cache_key.hpp"
#include "proxy/serving/exchange.hpp"
#include "proxy/serving/forward.hpp"
#include "proxy/serving/purge_method.hpp"
#include "proxy/serving/revalidate.hpp"

namespace proxy::serving {
namespace {

struct LookedUp {
    store::Found found;
    bool store_failed = false;  // Redis did not answer
};

// Memory, then Redis. An unavailable Redis is a miss.
Awaitable<LookedUp> find_stored(ClientExchange& exchange) {
    Worker& worker = exchange.worker;
    const Time now = worker.now();
    LookedUp result{.found = worker.node().memory.lookup(exchange.key, exchange.request, now)};
    exchange.record.tier = observe::Tier::memory;
    const rules::StoredResponse* stored = result.found.response.get();
    if (stored && rules::current_age(stored->arrival, now) < stored->freshness.lifetime &&
        rules::has_content_for(exchange.request, *stored))
        co_return result;
    if (!worker.redis()) co_return result;

    const store::Mark mark = worker.node().purges.mark();
    // Another node may have stored, freshened or completed it meanwhile.
    Result<store::Found> shared = co_await worker.redis()->lookup(exchange.key, exchange.request);
    if (shared.has_error()) {
        result.store_failed = true;
        co_return result;
    }
    const store::StoredPtr& response = shared->response;
    const bool is_newer = response && (!stored || response->arrival.response_time > stored->arrival.response_time);
    if (is_newer || (response && stored->partial && !response->partial)) {
        exchange.record.tier = observe::Tier::redis;
        const seconds keep = response->useful_for(now, exchange.policy().keep_for_validation);
        worker.node().memory.put(exchange.key, response, now, keep, mark);
        result.found = std::move(*shared);
    } else if (!stored) {
        result.found.vary_miss = result.found.vary_miss || shared->vary_miss;
    }
    co_return result;
}

bool is_get_or_head(const rules::RequestHeader& request) {
    return request.method == rules::http::verb::get || request.method == rules::http::verb::head;
}

Awaitable<void> answer_from_cache_or_origin(ClientExchange& exchange) {
    rules::primary_key(exchange.key, exchange.request, exchange.policy().key);
    if (exchange.key.size() > rules::max_primary_key) {
        co_await forward(exchange, {rules::ForwardReason::bypass, false}, nullptr);
        co_return;
    }
    const LookedUp looked_up = co_await find_stored(exchange);
    const store::StoredPtr& stored = looked_up.found.response;
    if (!stored) exchange.record.tier = observe::Tier::none;
    const rules::Reuse reuse = rules::decide_reuse(exchange.request, stored.get(), looked_up.found.vary_miss,
                                                   exchange.worker.now(), exchange.policy());
    if (const auto* serve = std::get_if<rules::Serve>(&reuse)) {
        exchange.record.outcome = observe::Outcome::hit;
        co_await answer_stored(exchange, stored, serve->age);
    } else if (const auto* stale = std::get_if<rules::ServeWhileRevalidating>(&reuse)) {
        revalidate_in_background(exchange, stored);
        exchange.record.outcome = observe::Outcome::stale;
        co_await answer_stored(exchange, stored, stale->age);
    } else if (std::holds_alternative<rules::Unsatisfied>(reuse)) {
        co_await answer_error(exchange, 504, "only-if-cached, and nothing usable is stored");
    } else if (looked_up.store_failed && exchange.route.config->on_store_failure == StoreFailure::fail) {
        co_await answer_error(exchange, 503, "the shared cache is unavailable", "Retry-After: 1\r\n");
    } else {
        exchange.record.tier = observe::Tier::none;
        co_await forward(exchange, std::get<rules::Forward>(reuse), stored);
    }
}

}  // namespace

Awaitable<bool> handle_request(Worker& worker, ClientConnection& client, bool keep_alive) {
    ClientExchange exchange(worker, client, keep_alive);
    const rules::RequestHeader& request = exchange.request;
    if (request.method == rules::http::verb::purge) {
        co_await answer_purge(exchange);
    } else if (worker.is_local(request.target)) {
        const auto local = worker.node().local(request.target.substr(0, request.target.find('?')));
        if (rules::is_safe(request.method) && local) {
            co_await answer_local(exchange, *local);
        } else {
            co_await answer_error(exchange, 405, "a local endpoint", "Allow: GET, HEAD\r\n");
        }
    } else if (!exchange.route.config->cache) {
        co_await forward(exchange, {rules::ForwardReason::bypass, false}, nullptr);
    } else if (!is_get_or_head(request)) {
        rules::primary_key(exchange.key, request, exchange.policy().key);  // its answer may be one to GET
        if (exchange.key.size() > rules::max_primary_key) exchange.key.clear();
        co_await forward(exchange, {rules::ForwardReason::method, false}, nullptr);
    } else if (!rules::may_look_up(request)) {  // it has content
        co_await forward(exchange, {rules::ForwardReason::bypass, false}, nullptr);
    } else {
        co_await answer_from_cache_or_origin(exchange);
    }
    co_return exchange.keep_alive&& client.request_is_read();
}

}  // namespace proxy::serving
