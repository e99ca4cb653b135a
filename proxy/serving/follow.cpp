// Invariant: a client gets of a transfer only what decide_reuse lets it have of the response as stored, and only of the
// variant that its own request selects.

#include "proxy/serving/follow.hpp"

#include "proxy/rules/cache_key.hpp"
#include "proxy/rules/partial.hpp"
#include "proxy/rules/validation.hpp"
#include "proxy/serving/collapse.hpp"
#include "proxy/serving/failure.hpp"
#include "proxy/serving/range_answer.hpp"

namespace proxy::serving {
namespace {

using Source = Transfer::Source;
using State = Transfer::State;

// Whoever fills ends earlier, by deadlines of its own: its wait for another node's fetch, for a connection (which may
// have to be resolved first), for the header; and all of that again after a 304 for something else. This is for a
// client that would else wait for ever.
Clock::time_point header_limit(const ClientExchange& exchange) {
    const UpstreamConfig& upstream = exchange.route.pool->config();
    return Clock::now() + 4 * upstream.servers.size() * upstream.connect_deadline + 5 * upstream.first_byte_deadline;
}

// From the origin it came just now: what the client asked of its freshness is met as far as the origin can meet it.
bool may_have(const rules::RequestHeader& request, const Transfer::Status& status, Time now,
              const rules::Policy& policy) {
    const rules::Reuse reuse = rules::decide_reuse(request, status.response.get(), false, now, policy);
    if (const auto* forward = std::get_if<rules::Forward>(&reuse))
        return forward->reason == rules::ForwardReason::request && forward->collapsible &&
               status.source != Source::redis;
    return !std::holds_alternative<rules::Unsatisfied>(reuse);
}

void note_source(observe::ExchangeRecord& record, Source source) {
    record.collapsed = source != Source::redis;
    switch (source) {
        case Source::origin: record.outcome = observe::Outcome::hit; break;
        case Source::validation: record.outcome = observe::Outcome::revalidated; break;
        case Source::redis:
            record.outcome = observe::Outcome::hit;
            record.tier = observe::Tier::redis;
            record.forwarded.reset();
            break;
    }
}

// One range of content whose length is known streams too; what is more complicated waits for the whole.
std::optional<rules::ByteRange> single_range(const rules::RequestHeader& request, const Transfer::Status& status) {
    rules::RangeAnswer answer = rules::decide_range(request, *status.response);
    const auto* ranges = std::get_if<std::vector<rules::ByteRange>>(&answer);
    if (!ranges || ranges->size() != 1) return std::nullopt;
    return ranges->front();
}

Awaitable<void> answer_range(ClientExchange& exchange, Transfer::Reader& reader, const rules::StoredResponse& outline,
                             rules::ByteRange range, seconds age) {
    const RangeAnswer part(outline, {range}, exchange.request_id);
    exchange.record.status = 206;
    std::string head = part.head();
    append_generated_fields(head, exchange.record, age, outline.freshness().lifetime - age, exchange.keep_alive,
                            exchange.request.version);
    asio::const_buffer buffer = asio::buffer(head);
    const bool sent = co_await send(exchange, {&buffer, 1});
    if (!sent) co_return;
    reader.skip_to(rules::offset_in_body(outline, range));
    co_await stream_content(exchange, reader, Framing::content_length, range.size());
}

Awaitable<void> answer_whole(ClientExchange& exchange, Transfer::Reader& reader, const Transfer::Status& status,
                             seconds age) {
    const rules::StoredResponse& outline = *status.response;
    const Framing framing = framing_for(exchange.request, outline.status(), status.content_length);
    if (framing == Framing::until_close) exchange.keep_alive = false;
    exchange.record.status = outline.status();
    std::string head(outline.head());
    if (framing == Framing::chunked) rules::append_field(head, "Transfer-Encoding", "chunked");
    append_generated_fields(head, exchange.record, age, outline.freshness().lifetime - age, exchange.keep_alive,
                            exchange.request.version);
    asio::const_buffer buffer = asio::buffer(head);
    const bool sent = co_await send(exchange, {&buffer, 1});
    if (sent) co_await stream_content(exchange, reader, framing, status.content_length);
}

Awaitable<Followed> answer_from(ClientExchange& exchange, Transfer::Reader& reader, Transfer::Status status) {
    const rules::RequestHeader& request = exchange.request;
    const bool wants_range = rules::asks_for_ranges(request);
    const bool is_copy_valid = rules::client_copy_is_valid(request, *status.response);
    std::optional<rules::ByteRange> range;
    if (wants_range && !is_copy_valid && !status.whole) {
        if (status.content_length) range = single_range(request, status);
        if (!range) status = co_await reader.outcome(content_limit(exchange));
        if (!range && !status.whole) co_return Followed::alone;
    }
    note_source(exchange.record, status.source);
    const seconds age = rules::current_age(status.response->arrival(), exchange.worker.now());
    if (status.source == Source::redis && age >= status.response->freshness().lifetime)
        exchange.record.outcome = observe::Outcome::stale;
    if (status.whole || is_copy_valid) {
        co_await answer_stored(exchange, status.response, age);
    } else if (range) {
        co_await answer_range(exchange, reader, *status.response, *range, age);
    } else {
        co_await answer_whole(exchange, reader, status, age);
    }
    co_return Followed::answered;
}

}  // namespace

Clock::time_point content_limit(const ClientExchange& exchange) {
    return Clock::now() + 2 * exchange.route.pool->config().between_bytes_deadline +
           exchange.worker.config().collapse.slow_reader_deadline;
}

Awaitable<void> stream_content(ClientExchange& exchange, Transfer::Reader& reader, Framing framing,
                               std::optional<std::uint64_t> size) {
    ContentFramer framer(framing);
    std::vector<asio::const_buffer> pieces;
    std::uint64_t left = size.value_or(std::numeric_limits<std::uint64_t>::max());
    if (framing == Framing::none) left = 0;
    while (left > 0) {
        const Result<std::vector<rules::Chunk>> chunks = co_await reader.next(content_limit(exchange));
        if (chunks.has_error()) {
            exchange.keep_alive = false;  // the client sees that it is truncated
            if (framing == Framing::until_close) exchange.client.reset();
            exchange.record.error = chunks.error();
            co_return;
        }
        pieces.clear();
        for (const rules::Chunk& chunk : *chunks) {
            const auto n = static_cast<std::size_t>(std::min<std::uint64_t>(chunk.size, left));
            pieces.emplace_back(chunk.bytes.get(), n);
            left -= n;
            if (left == 0) break;
        }
        if (chunks->empty()) left = 0;
        std::optional<std::string> trailers;
        if (chunks->empty()) trailers = reader.trailers();
        const bool sent = co_await send(exchange, framer.frame(pieces, trailers));
        if (!sent) co_return;
    }
}

Awaitable<Followed> follow(ClientExchange& exchange, Transfer::Reader& reader, const store::StoredPtr& stored,
                           std::string& name) {
    Worker& worker = exchange.worker;
    const CountedWhile following(worker.own_metrics().followers);
    const std::uint64_t joined = worker.node().purges.mark().sequence;
    const Transfer& transfer = reader.transfer();
    const auto asked = Clock::now();
    const Transfer::Status status = co_await reader.status(header_limit(exchange));
    exchange.record.upstream += Clock::now() - asked;
    switch (status.state) {
        case State::asking:
            exchange.record.collapsed = true;
            co_await answer_failure(exchange, stored, Errc::deadline_exceeded);
            co_return Followed::answered;
        case State::released: co_return Followed::alone;
        case State::failed:
            exchange.record.collapsed = true;
            co_await answer_failure(exchange, stored, status.error);
            co_return Followed::answered;
        case State::server_failure: {
            exchange.record.collapsed = true;
            const bool answered = co_await answer_stale(exchange, stored, rules::OriginFailure::status_5xx);
            exchange.record.collapsed = answered;
            if (answered) co_return Followed::answered;
            co_return Followed::alone;
        }
        case State::streaming:
        case State::finished: break;
    }
    // By a surrogate key, say, which nobody knew it had when this client came.
    if (joined != transfer.sequence() && transfer.is_purged(worker.node().purges, name)) co_return Followed::again;
    const std::string_view selecting = status.response->selecting_fields();
    if (!selecting.empty()) {
        std::string variant = rules::variant_key(exchange.key, selecting, exchange.request);
        if (variant.empty()) co_return Followed::alone;
        if (variant != status.response->key()) {
            name = transfer_name(exchange, nullptr, variant);
            co_return Followed::again;
        }
    }
    if (!may_have(exchange.request, status, worker.now(), exchange.policy())) {
        if (transfer.is_stale()) co_return Followed::again;  // good enough for who asked for it, not for others
        co_return Followed::alone;
    }
    exchange.client.keep_interim(status.interims);
    co_return co_await answer_from(exchange, reader, status);
}

}  // namespace proxy::serving
