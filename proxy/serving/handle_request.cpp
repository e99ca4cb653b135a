#include "proxy/serving/handle_request.hpp"

#include "proxy/rules/cache_key.hpp"
#include "proxy/rules/max_forwards.hpp"
#include "proxy/serving/collapse.hpp"
#include "proxy/serving/forward.hpp"
#include "proxy/serving/heads.hpp"
#include "proxy/serving/last_recipient.hpp"
#include "proxy/serving/purge_method.hpp"

namespace proxy::serving {
namespace {

bool is_get_or_head(const rules::RequestHeader& request) {
    return request.method == rules::http::verb::get || request.method == rules::http::verb::head;
}

Awaitable<void> answer_from_cache_or_origin(ClientExchange& exchange) {
    rules::primary_key(exchange.key, exchange.request, exchange.policy().key);
    if (exchange.key.size() > rules::max_primary_key) {
        co_await forward(exchange, {rules::ForwardReason::bypass, false}, nullptr);
        co_return;
    }
    const Time now = exchange.worker.now();
    exchange.looked_up = exchange.worker.node().purges.mark();
    store::Found found = exchange.worker.node().memory.lookup(exchange.key, exchange.request, now);
    const rules::Reuse reuse =
        rules::decide_reuse(exchange.request, found.response.get(), found.vary_miss, now, exchange.policy());
    const bool usable =
        std::holds_alternative<rules::Serve>(reuse) || std::holds_alternative<rules::ServeWhileRevalidating>(reuse);
    if (usable) {
        exchange.record.tier = observe::Tier::memory;
        co_await answer_reusing(exchange, found.response, reuse);
    } else {
        co_await answer_collapsed(exchange, reuse, std::move(found));
    }
}

// No coroutine: its frame would be one more.
Awaitable<void> answer(ClientExchange& exchange) {
    Worker& worker = exchange.worker;
    const rules::RequestHeader& request = exchange.request;
    constexpr rules::Forward bypass{rules::ForwardReason::bypass, false};
    if (request.method == rules::http::verb::purge) return answer_purge(exchange);
    if (worker.is_local(request.target)) {
        auto local = worker.node().local(request.target.substr(0, request.target.find('?')));
        if (is_get_or_head(request) && local) return answer_local(exchange, std::move(*local));
        return answer_error(exchange, 405, "a local endpoint", "Allow: GET, HEAD\r\n");
    }
    if (request.method == rules::http::verb::trace && !exchange.route.config->trace)
        return answer_error(exchange, 405, "TRACE is not allowed", allow_field);
    if (rules::max_forwards(request) == std::uint64_t{0}) return answer_as_last_recipient(exchange);
    if (!exchange.route.config->cache || !exchange.offered_protocol().empty())
        return forward(exchange, bypass, nullptr);
    if (!is_get_or_head(request)) {
        rules::primary_key(exchange.key, request, exchange.policy().key);  // its answer may be one to GET
        if (exchange.key.size() > rules::max_primary_key) exchange.key.clear();
        return forward(exchange, {rules::ForwardReason::method, false}, nullptr);
    }
    if (!rules::may_look_up(request)) return forward(exchange, bypass, nullptr);  // it has content
    return answer_from_cache_or_origin(exchange);
}

}  // namespace

Awaitable<bool> handle_request(Worker& worker, ClientConnection& client, bool keep_alive) {
    ClientExchange exchange(worker, client, keep_alive);
    co_await answer(exchange);
    co_return exchange.keep_alive&& client.request_is_read();
}

}  // namespace proxy::serving
