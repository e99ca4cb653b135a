#include "proxy/serving/forward.hpp"

#include <charconv>

#include "proxy/rules/cache_key.hpp"
#include "proxy/rules/forward_plan.hpp"
#include "proxy/rules/invalidation.hpp"
#include "proxy/rules/validation.hpp"
#include "proxy/serving/heads.hpp"
#include "proxy/serving/relay.hpp"
#include "proxy/serving/storage.hpp"

namespace proxy::serving {
namespace {

namespace http = rules::http;

rules::OriginFailure failure_of(boost::system::error_code ec) {
    if (ec == Errc::deadline_exceeded) return rules::OriginFailure::timed_out;
    if (ec == Errc::upstream_malformed) return rules::OriginFailure::broken;
    return rules::OriginFailure::unreachable;
}

// A stale response instead of what the origin failed to give.
Awaitable<bool> answer_stale(ClientExchange& exchange, const store::StoredPtr& stored, rules::OriginFailure failure) {
    const Time now = exchange.worker.now();
    if (!rules::may_serve_stale_on_error(exchange.request, stored.get(), failure, now, exchange.policy()))
        co_return false;
    exchange.record.outcome = observe::Outcome::stale;
    co_await answer_stored(exchange, stored, rules::current_age(stored->arrival, now));
    co_return true;
}

// The origin gave no answer: whose fault it is decides what the client gets. RFC 9110 §15.6
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
    } else {
        const bool answered = co_await answer_stale(exchange, stored, failure_of(ec));
        if (answered) co_return;
        if (ec == Errc::deadline_exceeded) {
            co_await answer_error(exchange, 504, "the origin did not answer in time");
        } else if (ec == Errc::upstream_overloaded) {
            co_await answer_error(exchange, 503, "too many requests wait for the origin", "Retry-After: 1\r\n");
        } else {
            const std::string_view why =
                ec == Errc::upstream_malformed ? "the origin's response is malformed" : "the origin cannot be reached";
            co_await answer_error(exchange, 502, why);
        }
    }
}

// The request content's length where the client said it.
std::optional<std::uint64_t> request_content_length(const rules::RequestHeader& request) {
    const std::string_view value = rules::value_of(request.fields, http::field::content_length);
    std::uint64_t length = 0;
    const auto [end, ec] = std::from_chars(value.data(), value.data() + value.size(), length);
    if (value.empty() || ec != std::errc()) return std::nullopt;
    return length;
}

enum class Next { answered, ask_for_the_whole };

// A 304 to our condition.
Awaitable<Next> answer_validated(ClientExchange& exchange, const Storage& storage, const store::StoredPtr& stored,
                                 const rules::ResponseHeader& not_modified, const rules::Arrival& arrival) {
    const store::StoredPtr fresh = rules::freshen(*stored, exchange.request, not_modified, arrival, storage.policy);
    // It is of something else than what is stored, or the client's If-Range no longer holds for the part that is.
    if (!fresh || !rules::has_content_for(exchange.request, *fresh)) co_return Next::ask_for_the_whole;
    exchange.record.outcome = observe::Outcome::revalidated;
    exchange.record.uncacheable = storage.publish(fresh);
    exchange.record.stored = !exchange.record.uncacheable;
    co_await answer_stored(exchange, fresh, rules::current_age(fresh->arrival, exchange.worker.now()));
    co_return Next::answered;
}

// The missing part of what is stored: both are gathered as one, published, and answer.
Awaitable<Next> answer_completed(ClientExchange& exchange, upstream::Exchange& origin, const Storage& storage,
                                 const store::StoredPtr& stored, const rules::Arrival& arrival) {
    if (origin.header().status == 416) co_return Next::ask_for_the_whole;
    Collector collector = storage.collector(origin, arrival, false, false, stored.get());
    const boost::system::error_code ec = co_await gather(origin, collector);
    if (ec) {
        co_await answer_failure(exchange, stored, ec);
        co_return Next::answered;
    }
    const store::StoredPtr both =
        collector.storable() ? storage.stored_response(origin.header(), arrival, collector, stored.get()) : nullptr;
    if (!both || both->partial) co_return Next::ask_for_the_whole;
    exchange.record.uncacheable = storage.publish(both);
    exchange.record.stored = !exchange.record.uncacheable;
    co_await answer_stored(exchange, both, rules::current_age(arrival, exchange.worker.now()));
    co_return Next::answered;
}

// What a 200 to HEAD says of the stored response: it is freshened, or no longer good. RFC 9111 §4.3.5
Awaitable<void> learn_from_head(const Storage& storage, const rules::StoredResponse& stored,
                                const rules::ResponseHeader& response, const rules::Arrival& arrival) {
    if (rules::has(storage.request.fields, http::field::authorization)) co_return;  // one client's view of it
    if (rules::contradicts(response, stored)) {
        co_await storage.invalidate();
    } else if (const auto fresh =
                   rules::freshen_from_head(stored, storage.request, response, arrival, storage.policy)) {
        storage.publish(fresh);
    }
}

// An answer to POST stands for GET only where the origin was told just what the key says.
bool may_store_answer(const ClientExchange& exchange) {
    const rules::RequestHeader& request = exchange.request;
    const rules::KeyPolicy& key = exchange.policy().key;
    if (exchange.record.forwarded == rules::ForwardReason::bypass || exchange.key.empty()) return false;
    if (exchange.record.forwarded != rules::ForwardReason::method) return true;
    return request.method == http::verb::post && rules::forwarded_target(request, key) == request.target &&
           rules::forwarded_authority(request, key) == request.authority;
}

// Of the exchange's own invalidation its answer is no victim, but of a purge by others it is. So it counts as newer
// where that was the only one; in Redis it does not, since another node's may come before ours in the log.
Storage behind_own_invalidation(const Storage& storage, bool invalidates) {
    store::Mark mark = storage.mark;
    const bool is_only_one = storage.worker.node().purges.mark().sequence == mark.sequence + 1;
    if (invalidates && is_only_one) ++mark.sequence;
    return {storage.worker, storage.policy, storage.request, storage.primary_key, mark};
}

// Any other answer: it goes to the client, and into the store or what is stored out of it, as the rules say.
Awaitable<void> answer_with(ClientExchange& exchange, upstream::Exchange& origin, const Storage& storage,
                            const store::StoredPtr& stored, const rules::ForwardPlan& plan,
                            const rules::Arrival& arrival) {
    const rules::RequestHeader& request = exchange.request;
    const rules::ResponseHeader& response = origin.header();
    const bool failed = rules::is_server_failure(response.status);
    if (failed) {
        const bool answered = co_await answer_stale(exchange, stored, rules::OriginFailure::status_5xx);
        if (answered) co_return;
    }
    std::vector<std::string> invalidated;
    if (!rules::is_safe(request.method)) invalidated = rules::invalidated_keys(request, response, storage.policy.key);
    const bool invalidates = !invalidated.empty();
    if (invalidates) co_await exchange.worker.invalidate(std::move(invalidated));
    const Storage storage_now = behind_own_invalidation(storage, invalidates);
    if (request.method == http::verb::head && stored && response.status == 200)
        co_await learn_from_head(storage, *stored, response, arrival);

    std::optional<Collector> collector;
    if (may_store_answer(exchange)) {
        const bool has_content = exchange.client.request_has_content();
        collector.emplace(storage.collector(origin, arrival, has_content, plan.selective, stored.get()));
    }
    const rules::StoredResponse* const part = stored && stored->partial ? stored.get() : nullptr;
    co_await relay(exchange, origin, storage_now, arrival, std::move(collector), part);
    if (plan.whole && stored && !failed && rules::ends_what_is_stored(response.status, exchange.record.uncacheable))
        co_await storage.invalidate();
}

}  // namespace

Awaitable<void> forward(ClientExchange& exchange, rules::Forward decision, store::StoredPtr stored) {
    const rules::RequestHeader& request = exchange.request;
    Worker& worker = exchange.worker;
    upstream::ConnectionPool& pool = *exchange.route.pool;
    observe::ExchangeRecord& record = exchange.record;
    record.forwarded = decision.reason;
    const bool looked_up =
        decision.reason != rules::ForwardReason::bypass && decision.reason != rules::ForwardReason::method;
    record.outcome = looked_up ? observe::Outcome::miss : observe::Outcome::bypass;

    const Storage storage{worker, exchange.policy(), request, exchange.key};
    const ForwardedRequest forwarded(request, exchange.policy().key, looked_up, pool.config().host);
    rules::ForwardPlan plan = rules::plan_for(request, decision, stored.get(), storage.max_object_size());
    for (;;) {
        std::string fields;
        rules::append_planned_fields(fields, plan, request, stored.get());
        const upstream::OutgoingRequest outgoing =
            outgoing_request(forwarded.header(), exchange.client.request_has_content(), request_content_length(request),
                             plan.whole, fields,
                             {.host = forwarded.host(),
                              .client = exchange.client.peer(),
                              .request_id = exchange.request_id,
                              .proxy_name = worker.config().name});
        const Time sent = worker.now();
        const auto asked = Clock::now();
        const auto fetched = co_await upstream::fetch(pool, outgoing, &exchange.client);
        record.upstream += Clock::now() - asked;
        if (fetched.has_error()) {
            co_await answer_failure(exchange, stored, fetched.error());
            co_return;
        }
        upstream::Exchange& origin = **fetched;
        const unsigned status = origin.header().status;
        const rules::Arrival arrival = rules::arrival_of(origin.header(), sent, worker.now());
        record.forward_status = status;

        Next next = Next::answered;
        if (status == 304 && plan.validates) {
            next = co_await answer_validated(exchange, storage, stored, origin.header(), arrival);
        } else if (status == 304 && !rules::may_be_not_modified(plan, request)) {
            co_await answer_failure(exchange, stored, Errc::upstream_malformed);
        } else if (plan.missing && (status == 206 || status == 416)) {
            next = co_await answer_completed(exchange, origin, storage, stored, arrival);
        } else {
            co_await answer_with(exchange, origin, storage, stored, plan, arrival);
            record.upstream = Clock::now() - asked;
        }
        if (next == Next::answered) co_return;
        plan = {.whole = true};
    }
}

}  // namespace proxy::serving
