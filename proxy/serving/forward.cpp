// Invariant: who leads a transfer ends it, by whatever way the exchange goes: shared, or released. What the origin was
// told of one client's own (conditions, ranges, content) is never shared.

#include "proxy/serving/forward.hpp"

#include <charconv>

#include "proxy/rules/cache_key.hpp"
#include "proxy/rules/forward_plan.hpp"
#include "proxy/rules/invalidation.hpp"
#include "proxy/rules/validation.hpp"
#include "proxy/serving/collapse.hpp"
#include "proxy/serving/failure.hpp"
#include "proxy/serving/fill.hpp"
#include "proxy/serving/follow.hpp"
#include "proxy/serving/heads.hpp"
#include "proxy/serving/relay.hpp"
#include "proxy/serving/storage.hpp"
#include "proxy/serving/tunnel.hpp"

namespace proxy::serving {
namespace {

namespace http = rules::http;
using OriginPtr = std::unique_ptr<upstream::Exchange>;

// The request content's length where the client said it.
std::optional<std::uint64_t> request_content_length(const rules::RequestHeader& request) {
    const std::string_view value = rules::value_of(request.fields, http::field::content_length);
    std::uint64_t length = 0;
    const auto [end, ec] = std::from_chars(value.data(), value.data() + value.size(), length);
    if (value.empty() || ec != std::errc()) return std::nullopt;
    return length;
}

// Why an answer is not for others: because of what it is, or of who asked? The next one will be the same only then.
bool is_of_the_response(std::optional<rules::Uncacheable> reason) noexcept {
    return reason != rules::Uncacheable::request_no_store && reason != rules::Uncacheable::vary_values;
}

// Without asking the origin themselves: now, or stale while it is validated.
bool others_may_have(const rules::Freshness& freshness, seconds age) {
    return !freshness.no_cache && age < freshness.lifetime + freshness.stale_while_revalidate;
}

// The client, and behind it all who wait for the transfer: interim responses are for all of them. RFC 9110 §15.2
class InterimsForAll final : public upstream::Client {
 public:
    InterimsForAll(ClientConnection& client, Transfer& transfer) : client_(client), transfer_(transfer) {}

    Awaitable<Result<upstream::Buffers>> read_content() override { return client_.read_content(); }
    void keep_interim(const rules::ResponseHeader& header) override {
        client_.keep_interim(header);
        if (header.status != 100) transfer_.add_interim(interim_head(header));
    }
    Awaitable<void> pass_on_interim() override { return client_.pass_on_interim(); }

 private:
    ClientConnection& client_;
    Transfer& transfer_;
};

// One request on its way to the origin, and the answer on its way back. With a lead, others wait for it, too.
class Forwarding {
 public:
    // `mark`: from before it was made sure that `stored` was not purged.
    Forwarding(ClientExchange& exchange, const rules::Forward& decision, const store::StoredPtr& stored,
               store::Mark mark)
        : exchange_(exchange),
          worker_(exchange.worker),
          request_(exchange.request),
          record_(exchange.record),
          stored_(stored),
          storage_{worker_, exchange.policy(), request_, exchange.key, mark},
          forwarded_(request_, exchange.policy().key, is_looked_up(decision.reason),
                     exchange.route.pool->config().host),
          plan_(rules::plan_for(request_, decision, stored.get(), worker_.max_object_size())) {
        record_.forwarded = decision.reason;
        record_.outcome = is_looked_up(decision.reason) ? observe::Outcome::miss : observe::Outcome::bypass;
    }

    // The origin is asked for the whole, and told nothing of the client's own.
    [[nodiscard]] bool may_be_shared() const noexcept { return plan_.whole && !plan_.selective; }

    Awaitable<void> ask(std::optional<Lead> lead);

 private:
    enum class Next { answered, ask_for_the_whole };

    static bool is_looked_up(rules::ForwardReason reason) noexcept {
        return reason != rules::ForwardReason::bypass && reason != rules::ForwardReason::method;
    }

    [[nodiscard]] upstream::OutgoingRequest outgoing() const;
    Awaitable<Next> answer(OriginPtr origin, const rules::Arrival& arrival);
    Awaitable<void> answer_failure(boost::system::error_code ec);
    Awaitable<Next> answer_validated(OriginPtr origin, const rules::Arrival& arrival);
    Awaitable<Next> answer_completed(upstream::Exchange& origin, const rules::Arrival& arrival);
    Awaitable<void> answer_with(OriginPtr origin, const rules::Arrival& arrival);
    Awaitable<void> learn_from_head(const rules::ResponseHeader& response, const rules::Arrival& arrival);
    Awaitable<void> share(OriginPtr origin, const rules::Arrival& arrival, const rules::Freshness& freshness);
    Awaitable<void> share_at_once(OriginPtr origin, store::StoredPtr outline, std::string head);
    [[nodiscard]] bool may_store_answer() const;
    [[nodiscard]] bool is_for_others(const upstream::Exchange& origin, const rules::Arrival& arrival,
                                     const rules::Storing& storing) const;
    void publish(const store::StoredPtr& response, Transfer::Source source);
    [[nodiscard]] Incoming incoming() const {
        return {.primary_key = exchange_.key,
                .policy = storage_.policy,
                .mark = storage_.mark,
                .asked = storage_.asked,
                .replaces = stored_ != nullptr};
    }

    ClientExchange& exchange_;
    Worker& worker_;
    const rules::RequestHeader& request_;
    observe::ExchangeRecord& record_;
    const store::StoredPtr& stored_;
    const Storage storage_;
    const ForwardedRequest forwarded_;
    rules::ForwardPlan plan_;
    std::optional<Lead> lead_;
};

upstream::OutgoingRequest Forwarding::outgoing() const {
    std::string fields;
    rules::append_planned_fields(fields, plan_, request_, stored_.get());
    return outgoing_request(forwarded_.header(), exchange_.client.request_has_content(),
                            request_content_length(request_), plan_.whole, fields,
                            {.host = forwarded_.host(),
                             .client = exchange_.client.peer(),
                             .request_id = exchange_.request_id,
                             .proxy_name = worker_.config().name,
                             .policy = storage_.policy,
                             .protocol = exchange_.offered_protocol()});
}

Awaitable<void> Forwarding::ask(std::optional<Lead> lead) {
    if (lead) lead_.emplace(std::move(*lead));
    std::optional<InterimsForAll> all;
    if (lead_) all.emplace(exchange_.client, lead_->transfer());
    upstream::Client* client = &exchange_.client;
    if (all) client = &*all;
    for (;;) {
        const upstream::OutgoingRequest request = outgoing();
        const Time sent = worker_.now();
        const auto asked = Clock::now();
        auto fetched = co_await upstream::fetch(*exchange_.route.pool, request, client);
        record_.upstream += Clock::now() - asked;
        if (fetched.has_error()) {
            co_await answer_failure(fetched.error());
            co_return;
        }
        const rules::Arrival arrival = rules::arrival_of((*fetched)->header(), sent, worker_.now());
        record_.forward_status = (*fetched)->header().status;
        const Next next = co_await answer(std::move(*fetched), arrival);
        if (next == Next::answered) co_return;
        plan_ = {.whole = true};
    }
}

Awaitable<Forwarding::Next> Forwarding::answer(OriginPtr origin, const rules::Arrival& arrival) {
    const unsigned status = origin->header().status;
    if (origin->has_switched()) {
        co_await tunnel(exchange_, *origin);
        co_return Next::answered;
    }
    if (status == 304 && plan_.validates) co_return co_await answer_validated(std::move(origin), arrival);
    if (plan_.missing && (status == 206 || status == 416)) co_return co_await answer_completed(*origin, arrival);
    if (status == 304 && !rules::may_be_not_modified(plan_, request_)) {
        co_await answer_failure(Errc::upstream_malformed);
    } else {
        const auto began = Clock::now();
        co_await answer_with(std::move(origin), arrival);
        record_.upstream += Clock::now() - began;
    }
    co_return Next::answered;
}

Awaitable<void> Forwarding::answer_failure(boost::system::error_code ec) {
    if (lead_) lead_->transfer().fail(ec);
    lead_.reset();  // who comes now may have better luck
    co_await serving::answer_failure(exchange_, stored_, ec);
}

void Forwarding::publish(const store::StoredPtr& response, Transfer::Source source) {
    const seconds age = rules::current_age(response->arrival, worker_.now());
    if (lead_ && !others_may_have(response->freshness, age)) {
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

// A 304 to our condition.
Awaitable<Forwarding::Next> Forwarding::answer_validated(OriginPtr origin, const rules::Arrival& arrival) {
    const store::StoredPtr fresh = storage_.freshened(*stored_, origin->header(), arrival);
    origin.reset();  // others may use its connection while the client reads
    // It is of something else than what is stored, or the client's If-Range no longer holds for the part that is.
    if (!fresh || !rules::has_content_for(request_, *fresh)) co_return Next::ask_for_the_whole;
    record_.outcome = observe::Outcome::revalidated;
    publish(fresh, Transfer::Source::validation);
    co_await answer_stored(exchange_, fresh, rules::current_age(fresh->arrival, worker_.now()));
    co_return Next::answered;
}

// The missing part of what is stored: both are gathered as one, published, and answer.
Awaitable<Forwarding::Next> Forwarding::answer_completed(upstream::Exchange& origin, const rules::Arrival& arrival) {
    if (origin.header().status == 416) co_return Next::ask_for_the_whole;
    rules::Storing storing = storage_.decide(origin.header(), arrival, false, false, stored_.get());
    Collector collector = storage_.collector(origin, std::move(storing));
    const boost::system::error_code ec = co_await gather(origin, collector);
    if (ec) {
        co_await answer_failure(ec);
        co_return Next::answered;
    }
    store::StoredPtr both;
    if (collector.storable()) both = storage_.stored_response(origin.header(), arrival, collector, stored_.get());
    if (!both || both->partial) co_return Next::ask_for_the_whole;
    publish(both, Transfer::Source::origin);
    co_await answer_stored(exchange_, both, rules::current_age(arrival, worker_.now()));
    co_return Next::answered;
}

// What a 200 to HEAD says of the stored response: it is freshened, or no longer good. RFC 9111 §4.3.5
Awaitable<void> Forwarding::learn_from_head(const rules::ResponseHeader& response, const rules::Arrival& arrival) {
    if (rules::has(request_.fields, http::field::authorization)) co_return;  // one client's view of it
    if (rules::contradicts(response, *stored_)) {
        co_await storage_.invalidate();
    } else if (const auto fresh = rules::freshen_from_head(*stored_, request_, response, arrival, storage_.policy)) {
        storage_.publish(fresh);
    }
}

// An answer to POST stands for GET only where the origin was told just what the key says.
bool Forwarding::may_store_answer() const {
    const rules::KeyPolicy& key = storage_.policy.key;
    if (record_.forwarded == rules::ForwardReason::bypass || exchange_.key.empty()) return false;
    if (record_.forwarded != rules::ForwardReason::method) return true;
    return request_.method == http::verb::post && rules::forwarded_target(request_, key) == request_.target &&
           rules::forwarded_authority(request_, key) == request_.authority;
}

bool Forwarding::is_for_others(const upstream::Exchange& origin, const rules::Arrival& arrival,
                               const rules::Storing& storing) const {
    const auto* freshness = std::get_if<rules::Freshness>(&storing);
    if (!freshness || origin.header().status == 206) return false;
    if (origin.content_length().value_or(0) > worker_.max_object_size()) return false;
    return others_may_have(*freshness, rules::current_age(arrival, arrival.response_time));
}

// Of the exchange's own invalidation its answer is no victim, but of a purge by others it is. So it counts as newer
// where that was the only one; in Redis it does not, since another node's may come before ours in the log.
Storage behind_own_invalidation(const Storage& storage, bool invalidates) {
    store::Mark mark = storage.mark;
    const bool is_only_one = storage.worker.node().purges.mark().sequence == mark.sequence + 1;
    if (invalidates && is_only_one) ++mark.sequence;
    return {storage.worker, storage.policy, storage.request, storage.primary_key, mark, storage.asked};
}

// Any other answer: it goes to the client, and into the store or what is stored out of it, as the rules say.
Awaitable<void> Forwarding::answer_with(OriginPtr origin, const rules::Arrival& arrival) {
    const rules::ResponseHeader& response = origin->header();
    const bool failed = rules::is_server_failure(response.status);
    if (failed) {
        if (lead_) lead_->fail_with_status();
        lead_.reset();
        const bool answered = co_await answer_stale(exchange_, stored_, rules::OriginFailure::status_5xx);
        if (answered) co_return;
    }
    std::vector<std::string> invalidated;
    if (!rules::is_safe(request_.method))
        invalidated = rules::invalidated_keys(request_, response, storage_.policy.key);
    const bool invalidates = !invalidated.empty();
    if (invalidates) co_await worker_.invalidate(std::move(invalidated));
    const Storage storage_now = behind_own_invalidation(storage_, invalidates);
    if (request_.method == http::verb::head && stored_ && response.status == 200)
        co_await learn_from_head(response, arrival);

    std::optional<Collector> collector;
    if (may_store_answer()) {
        const bool has_content = exchange_.client.request_has_content();
        rules::Storing storing = storage_.decide(response, arrival, has_content, plan_.selective, stored_.get());
        const bool for_others = is_for_others(*origin, arrival, storing);
        if (for_others) worker_.node().transfers.unmark(transfer_name(exchange_, stored_, {}));
        if (lead_ && for_others) {
            const rules::Freshness freshness = std::get<rules::Freshness>(storing);
            co_await share(std::move(origin), arrival, freshness);
            co_return;
        }
        collector.emplace(storage_.collector(*origin, std::move(storing)));
    }
    if (lead_) lead_->release(!collector || is_of_the_response(collector->uncacheable()));
    lead_.reset();
    const rules::StoredResponse* const part = stored_ && stored_->partial ? stored_.get() : nullptr;
    const unsigned status = response.status;
    co_await relay(exchange_, *origin, storage_now, arrival, std::move(collector), part);
    if (plan_.whole && stored_ && !failed && rules::ends_what_is_stored(status, record_.uncacheable))
        co_await storage_.invalidate();
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
    std::string head = forwarded_head(response, framing, arrival.response_time, worker_.config().name, storage_.policy);
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

// All of it came with the header section: there is nothing to wait for.
Awaitable<void> Forwarding::share_at_once(OriginPtr origin, store::StoredPtr outline, std::string head) {
    Collector collector = storage_.collector(*origin, outline->freshness);
    const boost::system::error_code ec = co_await gather(*origin, collector);
    origin.reset();
    if (ec) {
        co_await answer_failure(ec);
        co_return;
    }
    const store::StoredPtr whole = rules::completed(*outline, collector.finish(), storage_.fetch_time());
    publish(whole, Transfer::Source::origin);
    if (rules::client_copy_is_valid(request_, *whole)) {
        co_await answer_stored(exchange_, whole, rules::current_age(whole->arrival, worker_.now()));
        co_return;
    }
    std::vector<asio::const_buffer> buffers{asio::buffer(head)};
    for (const rules::Chunk& chunk : whole->body->chunks) buffers.emplace_back(chunk.bytes.get(), chunk.size);
    co_await send(exchange_, buffers);
}

}  // namespace

Awaitable<void> forward(ClientExchange& exchange, rules::Forward decision, store::StoredPtr stored,
                        std::optional<Lead> lead) {
    // What was purged while this request waited is not validated into life again.
    const store::Purges& purges = exchange.worker.node().purges;
    const store::Mark mark = purges.mark();
    if (stored && purges.since_sequence(exchange.looked_up.sequence, *stored).gone) stored = nullptr;
    Forwarding forwarding(exchange, decision, stored, mark);
    if (lead && !forwarding.may_be_shared()) {
        lead->release(false);
        lead.reset();
    }
    co_await forwarding.ask(std::move(lead));
}

}  // namespace proxy::serving
