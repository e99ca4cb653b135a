#include "proxy/rules/validation.hpp"
#include "proxy/serving/follow.hpp"
#include "proxy/serving/forwarding.hpp"
#include "proxy/serving/range_answer.hpp"

namespace proxy::serving {
namespace {

// Without asking the origin themselves: now, or stale while it is validated.
bool others_may_have(const rules::Freshness& freshness, seconds age) {
    return !freshness.no_cache && age < freshness.answers_for();
}

}  // namespace

void Forwarding::publish(const store::StoredPtr& response, Transfer::Source source) {
    const seconds age = rules::current_age(response->arrival(), worker_.now());
    if (lead_ && !others_may_have(response->freshness(), age)) {
        lead_->release(true);
        lead_.reset();
    }
    if (lead_) {
        record_.uncacheable = finish(worker_, std::move(*lead_), incoming(), response, source);
        lead_.reset();
    } else {
        record_.uncacheable = storage_.publish(response);
    }
    record_.stored = !record_.uncacheable;
}

bool Forwarding::is_for_others(const upstream::Exchange& origin, const rules::Arrival& arrival,
                               const rules::Storing& storing) const {
    const auto* freshness = std::get_if<rules::Freshness>(&storing);
    if (!freshness || origin.header().status == 206) return false;
    if (origin.content_length().value_or(0) > worker_.max_object_size()) return false;
    return others_may_have(*freshness, rules::current_age(arrival, arrival.response_time));
}

// To all who wait. The client that caused it has the origin's own head section, but for what its condition makes of it.
Awaitable<void> Forwarding::share(OriginPtr origin, const rules::Arrival& arrival, const rules::Freshness& freshness) {
    const rules::ResponseHeader& response = origin->header();
    const std::optional<std::uint64_t> length = origin->content_length();
    const store::StoredPtr outline = storage_.outline(response, arrival, freshness, length);
    const Framing framing = framing_for(request_, response.status, length);
    if (framing == Framing::until_close || !exchange_.client.request_is_read()) exchange_.keep_alive = false;
    record_.status = response.status;
    record_.stored = true;
    std::string head =
        forwarded_head(response, framing, arrival.response_time, exchange_.config().name, storage_.policy);
    append_generated_fields(head, record_, std::nullopt, std::nullopt, exchange_.keep_alive, request_.version);
    if (origin->has_all_content()) {
        co_await share_at_once(std::move(origin), outline, std::move(head));
        co_return;
    }
    if (worker_.redis() && length.value_or(0) > worker_.config().redis->max_object_size)
        lead_->lease.release(store::LeaseOutcome::failed);  // other nodes cannot find it there
    const std::shared_ptr<Transfer> transfer = lead_->shared();
    transfer->begin(outline, length, Transfer::Source::origin);
    Transfer::Reader reader(transfer, worker_.executor(), worker_.deadlines());
    worker_.spawn(fill_from_origin(worker_, std::move(origin), std::move(*lead_), outline, incoming()));
    lead_.reset();

    if (rules::client_copy_is_valid(request_, *outline)) {
        co_await answer_stored(exchange_, outline, rules::current_age(arrival, worker_.now()));
        co_return;
    }
    asio::const_buffer buffer = asio::buffer(head);
    const bool listens = co_await send(exchange_, {&buffer, 1});
    if (!listens) co_return;
    co_await stream_content(exchange_, reader, framing, length);
    const Transfer::Status status = co_await reader.outcome(content_limit(exchange_));
    record_.uncacheable = status.refused;
    if (status.state == Transfer::State::failed) record_.uncacheable = rules::Uncacheable::incomplete;
    record_.stored = status.state == Transfer::State::finished && !status.refused;
}

// All of it came with the header section: there is nothing to wait for, and no more to hold than that.
Awaitable<void> Forwarding::share_at_once(OriginPtr origin, store::StoredPtr outline, std::string head) {
    rules::GrowingBody body(origin->content_length());
    boost::system::error_code ec;
    for (;;) {
        const Result<upstream::Buffers> pieces = co_await origin->read_content();
        if (pieces.has_error()) ec = pieces.error();
        if (ec || pieces->empty()) break;
        for (const asio::const_buffer& piece : *pieces)
            body.append({static_cast<const char*>(piece.data()), piece.size()});
    }
    origin.reset();
    if (ec) {
        co_await answer_failure(ec);
        co_return;
    }
    const store::StoredPtr whole = rules::completed(*outline, std::move(body).finish(), storage_.fetch_time());
    publish(whole, Transfer::Source::origin);
    if (rules::client_copy_is_valid(request_, *whole)) {
        co_await answer_stored(exchange_, whole, rules::current_age(whole->arrival(), worker_.now()));
        co_return;
    }
    std::vector<asio::const_buffer> buffers{asio::buffer(head)};
    append_content(buffers, *whole, 0, whole->content_size());
    co_await send(exchange_, buffers);
}

}  // namespace proxy::serving
