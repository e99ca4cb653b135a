// Invariants: a response is published only when it arrived whole; a truncated one breaks the client's connection off,
// so that it never looks whole. The client's leaving does not stop what can still be stored.

#include "proxy/serving/forward.hpp"

#include <charconv>

#include "proxy/rules/cache_key.hpp"
#include "proxy/rules/invalidation.hpp"
#include "proxy/rules/validation.hpp"
#include "proxy/serving/collector.hpp"
#include "proxy/serving/heads.hpp"

namespace proxy::serving {
namespace {

namespace http = rules::http;

// A request of its own: what a background task needs after the client's bytes are gone.
class RequestCopy {
 public:
    explicit RequestCopy(const rules::RequestHeader& request) : header_(request) {
        std::size_t size = request.method_text.size() + request.authority.size() + request.target.size();
        for (const rules::Field& field : request.fields) size += field.name.size() + field.value.size();
        text_.reserve(size);  // never exceeded: the views below stay valid
        header_.method_text = keep(request.method_text);
        header_.authority = keep(request.authority);
        header_.target = keep(request.target);
        for (const rules::Field& field : request.fields)
            fields_.push_back({field.id, keep(field.name), keep(field.value)});
        header_.fields = fields_;
    }
    RequestCopy(const RequestCopy&) = delete;
    RequestCopy& operator=(const RequestCopy&) = delete;

    [[nodiscard]] const rules::RequestHeader& header() const noexcept { return header_; }

 private:
    std::string_view keep(std::string_view view) {
        const std::size_t from = text_.size();
        text_.append(view);
        return {text_.data() + from, view.size()};
    }

    std::string text_;
    std::vector<rules::Field> fields_;
    rules::RequestHeader header_;
};

// What is stored of a response, and under which name; the request that caused it is `request`.
struct Storage {
    Worker& worker;
    const rules::Policy& policy;
    const rules::RequestHeader& request;
    const std::string& primary_key;

    [[nodiscard]] Collector collector(const upstream::Exchange& exchange, const rules::Arrival& arrival,
                                      bool request_has_content) const {
        const Config& config = worker.config();
        const std::size_t limit =
            std::max(config.memory.max_object_size, config.redis ? config.redis->max_object_size : std::size_t{0});
        return Collector(rules::decide_storing(request, request_has_content, exchange.header(), arrival, policy), limit,
                         exchange.content_length());
    }

    // Whether it was published: not where its variant's key would be too long.
    bool publish(const rules::ResponseHeader& response, const rules::Arrival& arrival, Collector& collector) const {
        const std::string selecting = rules::selecting_fields(response);
        std::string key = selecting.empty() ? primary_key : rules::variant_key(primary_key, selecting, request);
        if (key.empty()) return false;
        std::string head = rules::stored_head(response, arrival, collector.size(), worker.via(), policy);
        publish(collector.finish(std::move(key), selecting, response.status, std::move(head), arrival));
        return true;
    }

    void publish(const store::StoredPtr& stored) const {
        worker.publish(primary_key, stored, stored->useful_for(worker.now(), policy.keep_for_validation));
    }
};

rules::OriginFailure failure_of(boost::system::error_code ec) {
    if (ec == Errc::deadline_exceeded) return rules::OriginFailure::timed_out;
    if (ec == Errc::upstream_malformed) return rules::OriginFailure::broken;
    return rules::OriginFailure::unreachable;
}

bool is_server_error(unsigned status) { return status == 500 || status == 502 || status == 503 || status == 504; }

// A stale response instead of what the origin failed to give.
Awaitable<bool> answer_stale(ClientExchange& exchange, const store::StoredPtr& stored, rules::OriginFailure failure) {
    const Time now = exchange.worker.now();
    if (!rules::may_serve_stale_on_error(stored.get(), failure, now, exchange.policy())) co_return false;
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

    // No pieces: the end.
    std::span<asio::const_buffer> frame(upstream::Buffers pieces) {
        buffers_.assign(pieces.begin(), pieces.end());
        if (chunked_) {
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

// The origin's response, as it comes.
Awaitable<void> stream_response(ClientExchange& exchange, upstream::Exchange& origin, const Storage& storage,
                                const rules::Arrival& arrival, bool cacheable) {
    observe::ExchangeRecord& record = exchange.record;
    const rules::ResponseHeader& response = origin.header();
    std::optional<Collector> collector;
    if (cacheable) {
        collector.emplace(storage.collector(origin, arrival, exchange.client.request_has_content()));
        record.uncacheable = collector->uncacheable();
        record.stored = collector->storable();
    }
    const Framing framing = framing_for(exchange.request, response.status, origin.content_length());
    if (framing == Framing::until_close || !exchange.client.request_is_read()) exchange.keep_alive = false;
    record.status = response.status;

    std::string head = forwarded_head(response, framing, arrival.response_time, exchange.worker.via());
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
        if (collector && !published && collector->storable() && origin.is_complete())
            published = storage.publish(response, arrival, *collector);
        if (client_listens) client_listens = co_await send(exchange, framer.frame(*pieces));
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

Awaitable<void> revalidate(Worker& worker, const Route& route, std::string key, std::unique_ptr<RequestCopy> copy,
                           store::StoredPtr stored) {
    struct Done {
        Worker& owner;
        const std::string& key;
        ~Done() { owner.revalidating.erase(key); }
    } done{worker, key};
    const rules::RequestHeader& request = copy->header();
    const rules::Policy& policy = route.config->policy;
    const std::string request_id = worker.new_request_id();
    const upstream::OutgoingRequest outgoing = outgoing_request(request, false, std::nullopt, true, stored.get(),
                                                                {.host = route.pool->config().host,
                                                                 .client = "",
                                                                 .request_id = request_id,
                                                                 .proxy_name = worker.config().name});
    const Time sent = worker.now();
    const auto fetched = co_await upstream::fetch(*route.pool, outgoing, nullptr);
    if (fetched.has_error()) co_return;  // counted by the pool; the stale response stays, as long as it may
    upstream::Exchange& origin = **fetched;
    const rules::Arrival arrival = rules::arrival_of(origin.header(), sent, worker.now());
    const Storage storage{worker, policy, request, key};
    if (origin.header().status == 304) {
        if (const auto fresh = rules::freshen(*stored, request, origin.header(), arrival, policy))
            storage.publish(fresh);
        co_return;
    }
    if (is_server_error(origin.header().status)) co_return;
    Collector collector = storage.collector(origin, arrival, false);
    for (bool end = false; !end && collector.storable();) {
        const Result<upstream::Buffers> pieces = co_await origin.read_content();
        if (pieces.has_error()) co_return;
        collector.add(*pieces);
        end = pieces->empty();
    }
    if (collector.storable()) {
        storage.publish(origin.header(), arrival, collector);
    } else {
        worker.invalidate({key});  // the origin no longer wants it stored
    }
}

}  // namespace

void revalidate_in_background(const ClientExchange& exchange, const store::StoredPtr& stored) {
    Worker& worker = exchange.worker;
    if (worker.stopping() || exchange.request.method != http::verb::get) return;
    if (!worker.revalidating.insert(exchange.key).second) return;
    worker.spawn(
        revalidate(worker, exchange.route, exchange.key, std::make_unique<RequestCopy>(exchange.request), stored));
}

Awaitable<void> forward(ClientExchange& exchange, rules::Forward decision, store::StoredPtr stored) {
    Worker& worker = exchange.worker;
    const rules::RequestHeader& request = exchange.request;
    observe::ExchangeRecord& record = exchange.record;
    const bool cacheable =
        decision.reason != rules::ForwardReason::bypass && decision.reason != rules::ForwardReason::method;
    // What may serve others is wanted without this client's conditions. But a precondition is the origin's to judge,
    // and of something unknown a part is cheaper than the whole: it may be too large to be stored.
    const bool whole = decision.collapsible && !rules::has(request.fields, http::field::if_match) &&
                       !rules::has(request.fields, http::field::if_unmodified_since) &&
                       (stored || !rules::has(request.fields, http::field::range));
    record.forwarded = decision.reason;
    record.outcome = cacheable ? observe::Outcome::miss : observe::Outcome::bypass;

    const bool has_content = exchange.client.request_has_content();
    const Storage storage{worker, exchange.policy(), request, exchange.key};
    store::StoredPtr validating = whole && stored && rules::has_validator(*stored) ? stored : nullptr;
    for (;;) {
        const upstream::OutgoingRequest outgoing =
            outgoing_request(request, has_content, request_content_length(request), whole, validating.get(),
                             {.host = exchange.route.pool->config().host,
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
        if (is_server_error(response.status)) {
            const bool answered = co_await answer_stale(exchange, stored, rules::OriginFailure::status_5xx);
            if (answered) co_return;
        }
        if (!rules::is_safe(request.method))
            worker.invalidate(rules::invalidated_keys(request, response, exchange.policy().key));
        co_await stream_response(exchange, origin, storage, arrival, cacheable);
        record.upstream = Clock::now() - asked;
        // What the origin no longer wants stored must not answer again.
        if (whole && stored && !record.stored && !record.error && !is_server_error(response.status))
            worker.invalidate({exchange.key});
        co_return;
    }
}

}  // namespace proxy::serving
