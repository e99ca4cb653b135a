// Invariants: a response is published only when it arrived whole; a truncated one breaks the client's connection off,
// so that it never looks whole. The client's leaving does not stop what can still be stored.

#include "proxy/serving/forward.hpp"

#include <charconv>

#include "proxy/rules/cache_key.hpp"
#include "proxy/rules/invalidation.hpp"
#include "proxy/rules/validation.hpp"
#include "proxy/serving/heads.hpp"
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
    if (!rules::may_serve_stale_on_error(stored.get(), failure, now, exchange.policy()) ||
        !rules::has_content_for(exchange.request, *stored))
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
            co_await answer_error(
                exchange, 502,
                ec == Errc::upstream_malformed ? "the origin's response is malformed" : "the origin cannot be reached");
        }
    }
}

// The pieces of content as the client's framing wants them.
class ContentFramer {
 public:
    explicit ContentFramer(Framing framing) : chunked_(framing == Framing::chunked) {}

    // No pieces: the end, with the trailer section where the framing has room for one.
    std::span<asio::const_buffer> frame(upstream::Buffers pieces, const std::string& trailers) {
        buffers_.assign(pieces.begin(), pieces.end());
        if (chunked_) {
            if (pieces.empty()) buffers_.push_back(asio::buffer(trailers));
            const auto end = std::to_chars(size_, size_ + 16, asio::buffer_size(pieces), 16).ptr;
            end[0] = '\r';
            end[1] = '\n';
            buffers_.insert(buffers_.begin(), asio::const_buffer(size_, static_cast<std::size_t>(end + 2 - size_)));
            buffers_.push_back(asio::buffer("\r\n", 2));
        }
        return buffers_;
    }

 private:
    bool chunked_;
    char size_[18];
    std::vector<asio::const_buffer> buffers_;
};

// The origin's response, as it comes; a part of the content may complete the part `had` (may be null).
Awaitable<void> stream_response(ClientExchange& exchange, upstream::Exchange& origin, const Storage& storage,
                                const rules::Arrival& arrival, bool cacheable, const rules::StoredResponse* had) {
    observe::ExchangeRecord& record = exchange.record;
    const rules::ResponseHeader& response = origin.header();
    std::optional<Collector> collector;
    if (cacheable) {
        collector.emplace(storage.collector(origin, arrival, exchange.client.request_has_content()));
        if (exchange.request.method == http::verb::post && !collector->storable()) collector.reset();
    }
    if (collector) {
        record.uncacheable = collector->uncacheable();
        record.stored = collector->storable();
    }
    const Framing framing = framing_for(exchange.request, response.status, origin.content_length());
    if (framing == Framing::until_close || !exchange.client.request_is_read()) exchange.keep_alive = false;
    record.status = response.status;

    std::string head = forwarded_head(response, framing, arrival.response_time, exchange.worker.config().name);
    append_generated_fields(head, record, std::nullopt, std::nullopt, exchange.keep_alive, exchange.request.version);
    ContentFramer framer(framing);
    asio::const_buffer head_buffer = asio::buffer(head);
    bool client_listens = co_await send(exchange, {&head_buffer, 1});

    bool published = false;
    for (bool end = false; !end;) {
        const Result<upstream::Buffers> pieces = co_await origin.read_content();
        if (pieces.has_error()) {
            exchange.keep_alive = false;  // the client sees that it is truncated
            if (framing == Framing::until_close) exchange.client.reset();
            record.error = pieces.error();
            record.stored = false;
            if (collector && collector->storable()) record.uncacheable = rules::Uncacheable::incomplete;
            co_return;
        }
        end = pieces->empty();
        if (collector && !published) collector->add(*pieces);
        // Before the last bytes: whoever has the whole answer finds it stored.
        if (collector && !published && collector->storable() && origin.is_complete()) {
            const store::StoredPtr stored = storage.stored_response(response, arrival, *collector, had);
            published = stored != nullptr;
            if (stored) storage.publish(stored);
        }
        if (client_listens) client_listens = co_await send(exchange, framer.frame(*pieces, origin.trailers()));
        if (!client_listens && !(collector && collector->storable())) break;
    }
    if (!collector) co_return;
    record.uncacheable = collector->uncacheable();
    record.stored = published;
}

// The request content's length where the client said it.
std::optional<std::uint64_t> request_content_length(const rules::RequestHeader& request) {
    const std::string_view value = rules::value_of(request.fields, http::field::content_length);
    std::uint64_t length = 0;
    const auto [end, ec] = std::from_chars(value.data(), value.data() + value.size(), length);
    if (value.empty() || ec != std::errc()) return std::nullopt;
    return length;
}

// The missing part of what is stored has come: both as one, published. Null where they do not fit together after all.
Awaitable<Result<store::StoredPtr>> complete(upstream::Exchange& origin, const Storage& storage,
                                             const rules::Arrival& arrival, const rules::StoredResponse& had) {
    Collector collector = storage.collector(origin, arrival, false);
    const boost::system::error_code ec = co_await gather(origin, collector);
    if (ec) co_return ec;
    if (!collector.storable()) co_return store::StoredPtr();
    const store::StoredPtr both = storage.stored_response(origin.header(), arrival, collector, &had);
    if (!both || both->partial) co_return store::StoredPtr();
    storage.publish(both);
    co_return both;
}

// What a 200 to HEAD says of the stored response: it is freshened, or no longer good. RFC 9111 §4.3.5
Awaitable<void> learn_from_head(const Storage& storage, const rules::StoredResponse& stored,
                                const rules::ResponseHeader& response, const rules::Arrival& arrival) {
    if (const auto fresh = rules::freshen_from_head(stored, storage.request, response, arrival, storage.policy))
        storage.publish(fresh);
    else
        co_await storage.invalidate();
}

}  // namespace

Awaitable<void> forward(ClientExchange& exchange, rules::Forward decision, store::StoredPtr stored) {
    Worker& worker = exchange.worker;
    const rules::RequestHeader& request = exchange.request;
    observe::ExchangeRecord& record = exchange.record;
    const bool looked_up =
        decision.reason != rules::ForwardReason::bypass && decision.reason != rules::ForwardReason::method;
    // What may serve others is wanted without this client's conditions. But a precondition is the origin's to judge,
    // and of something unknown a part is cheaper than the whole: it may be too large to be stored.
    const bool lacking = stored && !rules::has_content_for(request, *stored);
    const bool whole = decision.collapsible && !rules::has(request.fields, http::field::if_match) &&
                       !rules::has(request.fields, http::field::if_unmodified_since) &&
                       (!rules::has(request.fields, http::field::range) || (stored && !lacking));
    record.forwarded = decision.reason;
    record.outcome = looked_up ? observe::Outcome::miss : observe::Outcome::bypass;

    const bool has_content = exchange.client.request_has_content();
    const Storage storage{worker, exchange.policy(), request, exchange.key};
    const std::string& host = exchange.route.pool->config().host;
    const ForwardedRequest forwarded(request, exchange.policy().key, looked_up, host);
    // An answer to POST stands for GET only where the origin was told just what the key says.
    const bool cacheable = looked_up || (request.method == http::verb::post && !exchange.key.empty() &&
                                         rules::forwarded_target(request, exchange.policy().key) == request.target);
    store::StoredPtr validating = whole && stored && !lacking && rules::has_validator(*stored) ? stored : nullptr;
    std::optional<rules::ByteRange> missing;
    if (whole && lacking && stored->complete_length() <= storage.max_object_size())
        missing = rules::missing_range(*stored);
    for (;;) {
        std::string conditions;
        if (validating) rules::append_conditional_fields(conditions, *validating);
        if (missing) rules::append_range_fields(conditions, *stored, *missing);
        const upstream::OutgoingRequest outgoing =
            outgoing_request(forwarded.header(), has_content, request_content_length(request), whole, conditions,
                             {.host = forwarded.host(),
                              .client = exchange.client.peer(),
                              .request_id = exchange.request_id,
                              .proxy_name = worker.config().name});
        const Time sent = worker.now();
        const auto asked = Clock::now();
        const auto fetched = co_await upstream::fetch(*exchange.route.pool, outgoing, &exchange.client);
        record.upstream += Clock::now() - asked;
        if (fetched.has_error()) {
            co_await answer_failure(exchange, stored, fetched.error());
            co_return;
        }
        upstream::Exchange& origin = **fetched;
        const rules::ResponseHeader& response = origin.header();
        const rules::Arrival arrival = rules::arrival_of(response, sent, worker.now());
        record.forward_status = response.status;

        if (validating && response.status == 304) {
            const store::StoredPtr fresh = rules::freshen(*validating, request, response, arrival, exchange.policy());
            if (!fresh) {  // of something else than what is stored: ask for it whole
                validating = nullptr;
                continue;
            }
            storage.publish(fresh);
            record.outcome = observe::Outcome::revalidated;
            record.stored = true;
            co_await answer_stored(exchange, fresh, rules::current_age(fresh->arrival, worker.now()));
            co_return;
        }
        const bool conditional = !conditions.empty() || !whole;
        if (response.status == 304 && !conditional) {  // nobody has what it speaks of. RFC 9110 §15.4.5
            co_await answer_failure(exchange, stored, Errc::upstream_malformed);
            co_return;
        }
        if (missing && (response.status == 206 || response.status == 416)) {
            Result<store::StoredPtr> completed = store::StoredPtr();
            if (response.status == 206) completed = co_await complete(origin, storage, arrival, *stored);
            if (completed.has_error()) {
                co_await answer_failure(exchange, stored, completed.error());
                co_return;
            }
            if (!*completed) {
                missing.reset();
                continue;
            }
            record.stored = true;
            co_await answer_stored(exchange, *completed, rules::current_age(arrival, worker.now()));
            co_return;
        }
        if (rules::is_server_failure(response.status)) {
            const bool answered = co_await answer_stale(exchange, stored, rules::OriginFailure::status_5xx);
            if (answered) co_return;
        }
        if (!rules::is_safe(request.method))
            co_await worker.invalidate(rules::invalidated_keys(request, response, exchange.policy().key));
        if (request.method == http::verb::head && stored && response.status == 200)
            co_await learn_from_head(storage, *stored, response, arrival);
        co_await stream_response(exchange, origin, storage, arrival, cacheable, lacking ? stored.get() : nullptr);
        record.upstream = Clock::now() - asked;
        // What the origin no longer wants stored must not answer again.
        if (whole && stored && !record.stored && !record.error && !rules::is_server_failure(response.status))
            co_await storage.invalidate();
        co_return;
    }
}

}  // namespace proxy::serving
