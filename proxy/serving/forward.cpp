// Invariant: who leads a transfer ends it, by whatever way the exchange goes: shared, or released. What the origin was
// told of one client's own (conditions, ranges, content) is never shared.

#include "proxy/serving/forward.hpp"

#include <charconv>

#include "proxy/rules/cache_key.hpp"
#include "proxy/rules/invalidation.hpp"
#include "proxy/rules/validation.hpp"
#include "proxy/serving/collapse.hpp"
#include "proxy/serving/failure.hpp"
#include "proxy/serving/forwarding.hpp"
#include "proxy/serving/relay.hpp"
#include "proxy/serving/tunnel.hpp"

namespace proxy::serving {
namespace {

namespace http = rules::http;

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

// The client, and behind it all who wait for the transfer, if there is one: interim responses are for all of them.
// RFC 9110 §15.2
class Clients final : public upstream::Client {
 public:
    Clients(ClientConnection& client, Transfer* transfer, const rules::Policy& policy)
        : client_(client), transfer_(transfer), policy_(policy) {}

    Awaitable<Result<upstream::Buffers>> read_content() override { return client_.read_content(); }
    void keep_interim(const rules::ResponseHeader& header) override {
        if (header.status == 100) return;  // ours to send: see ClientConnection::read_content
        const std::string head = interim_head(header, policy_);
        client_.keep_interim(head);
        if (transfer_) transfer_->add_interim(head);
    }
    Awaitable<void> pass_on_interim() override { return client_.pass_on_interim(); }

 private:
    ClientConnection& client_;
    Transfer* transfer_;
    const rules::Policy& policy_;
};

}  // namespace

Forwarding::Forwarding(ClientExchange& exchange, const rules::Forward& decision, const store::StoredPtr& stored,
                       store::Mark mark)
    : exchange_(exchange),
      worker_(exchange.worker),
      request_(exchange.request),
      record_(exchange.record),
      stored_(stored),
      storage_{worker_, exchange.policy(), request_, exchange.key, mark},
      forwarded_(request_, exchange.policy().key, is_looked_up(decision.reason), exchange.route.pool->config().host),
      plan_(rules::plan_for(request_, decision, stored.get(), worker_.max_object_size())) {
    record_.forwarded = decision.reason;
    record_.outcome = is_looked_up(decision.reason) ? observe::Outcome::miss : observe::Outcome::bypass;
}

upstream::OutgoingRequest Forwarding::outgoing() const {
    std::string fields;
    rules::append_planned_fields(fields, plan_, request_, stored_.get());
    return outgoing_request(forwarded_.header(), exchange_.client.request_has_content(),
                            request_content_length(request_), plan_.whole, fields,
                            {.host = forwarded_.host(),
                             .client = exchange_.client.peer(),
                             .request_id = exchange_.request_id,
                             .proxy_name = exchange_.config().name,
                             .policy = storage_.policy,
                             .protocol = exchange_.offered_protocol()});
}

Awaitable<void> Forwarding::ask(std::optional<Lead> lead) {
    if (lead) lead_.emplace(std::move(*lead));
    Clients clients(exchange_.client, lead_ ? lead_->shared().get() : nullptr, storage_.policy);
    for (;;) {
        const upstream::OutgoingRequest request = outgoing();
        const Time sent = worker_.now();
        const auto asked = Clock::now();
        auto fetched = co_await upstream::fetch(*exchange_.route.pool, request, &clients);
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
    if (lead_) lead_->fail(ec);
    lead_.reset();
    co_await serving::answer_failure(exchange_, stored_, ec);
}

// A 304 to our condition.
Awaitable<Forwarding::Next> Forwarding::answer_validated(OriginPtr origin, const rules::Arrival& arrival) {
    const store::StoredPtr fresh = storage_.freshened(*stored_, origin->header(), arrival);
    origin.reset();  // others may use its connection while the client reads
    // It is of something else than what is stored, or the client's If-Range no longer holds for the part that is.
    if (!fresh || !rules::has_content_for(request_, *fresh)) co_return Next::ask_for_the_whole;
    record_.outcome = observe::Outcome::revalidated;
    publish(fresh, Transfer::Source::validation);
    co_await answer_stored(exchange_, fresh, rules::current_age(fresh->arrival(), worker_.now()));
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
    if (!both || both->partial()) co_return Next::ask_for_the_whole;
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

// Of the exchange's own invalidation its answer is no victim, but of a purge by others it is. So it counts as newer
// where no other can have come between; in Redis it does not, since another node's may come before ours in the log.
Awaitable<store::Mark> Forwarding::invalidate(const rules::ResponseHeader& response, const rules::Arrival& arrival,
                                              std::vector<std::string> keys) {
    const store::Purges& purges = worker_.node().purges;
    const std::uint64_t before = purges.mark().sequence;
    const auto answer = storage_.outline(response, arrival, {}, std::nullopt);
    const bool was_purged = purges.since_sequence(storage_.mark.sequence, *answer).any();
    co_await worker_.invalidate(std::move(keys));
    store::Mark mark = storage_.mark;
    if (!was_purged && purges.mark().sequence == before + 1) mark.sequence = before + 1;
    co_return mark;
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
    store::Mark mark = storage_.mark;
    if (!invalidated.empty()) mark = co_await invalidate(response, arrival, std::move(invalidated));
    const Storage storage_now{worker_, storage_.policy, request_, exchange_.key, mark, storage_.asked};
    if (request_.method == http::verb::head && stored_ && response.status == 200)
        co_await learn_from_head(response, arrival);

    std::optional<Collector> collector;
    if (may_store_answer()) {
        const bool has_content = exchange_.client.request_has_content();
        rules::Storing storing = storage_.decide(response, arrival, has_content, plan_.selective, stored_.get());
        const bool for_others = is_for_others(*origin, arrival, storing);
        if (for_others) {
            worker_.node().transfers.unmark(transfer_name(exchange_, stored_, {}));
            worker_.node().transfers.unmark(transfer_name(exchange_, nullptr, storage_.key_for(response)));
        }
        if (lead_ && for_others) {
            const rules::Freshness freshness = std::get<rules::Freshness>(storing);
            co_await share(std::move(origin), arrival, freshness);
            co_return;
        }
        collector.emplace(storage_.collector(*origin, std::move(storing)));
    }
    if (lead_) lead_->release(!collector || is_of_the_response(collector->uncacheable()));
    lead_.reset();
    const rules::StoredResponse* const part = stored_ && stored_->partial() ? stored_.get() : nullptr;
    const unsigned status = response.status;
    co_await relay(exchange_, *origin, storage_now, arrival, std::move(collector), part);
    if (plan_.whole && stored_ && !failed && rules::ends_what_is_stored(status, record_.uncacheable))
        co_await storage_.invalidate();
}

Awaitable<void> forward(ClientExchange& exchange, rules::Forward decision, store::StoredPtr stored,
                        std::optional<Lead> lead) {
    // What was purged while this request waited is not validated into life again.
    const store::Purges& purges = exchange.worker.node().purges;
    store::Mark mark = purges.mark();
    if (stored && purges.since_sequence(exchange.looked_up.sequence, *stored).gone) stored = nullptr;
    if (stored) mark = exchange.worker.mark_to_validate(mark);
    Forwarding forwarding(exchange, decision, stored, mark);
    if (lead && !forwarding.may_be_shared()) {
        lead->release(false);
        lead.reset();
    }
    co_await forwarding.ask(std::move(lead));
}

}  // namespace proxy::serving
