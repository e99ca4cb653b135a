#include "proxy/serving/failure.hpp"

namespace proxy::serving {
namespace {

rules::OriginFailure failure_of(boost::system::error_code ec) {
    if (ec == Errc::deadline_exceeded) return rules::OriginFailure::timed_out;
    if (ec == Errc::upstream_malformed) return rules::OriginFailure::broken;
    return rules::OriginFailure::unreachable;
}

}  // namespace

Awaitable<bool> answer_stale(ClientExchange& exchange, const store::StoredPtr& stored, rules::OriginFailure failure) {
    const Time now = exchange.worker.now();
    if (!rules::may_serve_stale_on_error(exchange.request, stored.get(), failure, now, exchange.policy()))
        co_return false;
    exchange.record.outcome = observe::Outcome::stale;
    co_await answer_stored(exchange, stored, rules::current_age(stored->arrival(), now));
    co_return true;
}

Awaitable<void> answer_failure(ClientExchange& exchange, const store::StoredPtr& stored, boost::system::error_code ec) {
    exchange.record.error = ec;
    if (ec == Errc::client_closed || ec == Errc::cancelled) {
        exchange.keep_alive = false;
    } else if (ec == Errc::client_malformed) {
        co_await answer_error(exchange, 400, "malformed request content");
    } else if (ec == Errc::client_too_slow) {
        co_await answer_error(exchange, 408, "request content came too slowly");
    } else if (ec == Errc::client_too_large) {
        co_await answer_error(exchange, 413, "content too large");
    } else if (ec == Errc::store_unavailable) {  // the origin may be well, and is not asked
        co_await answer_error(exchange, 503, "the shared cache is unavailable", "Retry-After: 1\r\n");
    } else {
        if (ec == Errc::no_buffers) exchange.worker.own_metrics().count(observe::Limit::max_buffers);
        const bool answered = co_await answer_stale(exchange, stored, failure_of(ec));
        if (answered) co_return;
        if (ec == Errc::deadline_exceeded) {
            co_await answer_error(exchange, 504, "the origin did not answer in time");
        } else if (ec == Errc::no_buffers) {
            co_await answer_error(exchange, 503, "no room for more responses on their way", "Retry-After: 1\r\n");
        } else if (ec == Errc::upstream_overloaded) {
            co_await answer_error(exchange, 503, "too many requests wait for the origin", "Retry-After: 1\r\n");
        } else {
            const std::string_view why =
                ec == Errc::upstream_malformed ? "the origin's response is malformed" : "the origin cannot be reached";
            co_await answer_error(exchange, 502, why);
        }
    }
}

}  // namespace proxy::serving
