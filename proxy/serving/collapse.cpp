#include "proxy/serving/collapse.hpp"

#include "proxy/rules/forward_plan.hpp"
#include "proxy/rules/range.hpp"
#include "proxy/serving/failure.hpp"
#include "proxy/serving/fill.hpp"
#include "proxy/serving/fleet_turn.hpp"
#include "proxy/serving/follow.hpp"
#include "proxy/serving/forward.hpp"
#include "proxy/serving/lookup.hpp"
#include "proxy/serving/refresh.hpp"

namespace proxy::serving {
namespace {

rules::Reuse reuse_of(const ClientExchange& exchange, const store::Found& found) {
    return rules::decide_reuse(exchange.request, found.response.get(), found.vary_miss, exchange.worker.now(),
                               exchange.policy());
}

// The origin is to be asked; but first whatever else may have it. With only-if-cached, nothing but that.
bool is_forward(const rules::Reuse& reuse) {
    return std::holds_alternative<rules::Forward>(reuse) || std::holds_alternative<rules::Unsatisfied>(reuse);
}

bool must_fail(const ClientExchange& exchange, const LookedUp& looked_up) {
    return looked_up.store_failed && exchange.route.config->on_store_failure == StoreFailure::fail;
}

store::Found look_in_memory(const ClientExchange& exchange) {
    return exchange.worker.node().memory.lookup(exchange.key, exchange.request, exchange.worker.now());
}

// Looks in Redis until it is found there or it is this node's turn to ask the origin; in vain `looked_up` has what is
// known. Drops the lead where the answer turned out not to be for others.
Awaitable<rules::Reuse> look_in_fleet(ClientExchange& exchange, LookedUp& looked_up, std::optional<Lead>& lead) {
    constexpr int max_turns = 3;  // what another node has stored may be gone already, or be of no use to us
    const auto limit = Clock::now() + exchange.route.pool->config().first_byte_deadline;
    for (int turns = 0;; ++turns) {
        looked_up = co_await look_in_redis(exchange, std::move(looked_up.found));
        rules::Reuse reuse = reuse_of(exchange, looked_up.found);
        const bool may_wait = lead && !looked_up.store_failed && turns < max_turns;
        if (!std::holds_alternative<rules::Forward>(reuse) || !may_wait) co_return reuse;
        const std::string wanted = transfer_name(exchange, looked_up.found.response, looked_up.found.variant);
        const Turn turn = co_await take_turn(exchange.worker, exchange.key, wanted, *lead, limit);
        if (turn == Turn::stored) continue;
        if (lead->lease) {  // another node may have had it, and stored, since the look-up
            looked_up = co_await look_in_redis(exchange, std::move(looked_up.found));
            co_return reuse_of(exchange, looked_up.found);
        }
        if (turn == Turn::not_stored) {
            lead->release(true);
            lead.reset();
        }
        co_return reuse;
    }
}

// Large content is sent while it is read.
Awaitable<void> answer_streaming(ClientExchange& exchange, LookedUp looked_up, std::optional<Lead> lead,
                                 bool is_stale) {
    Worker& worker = exchange.worker;
    const store::StoredPtr outline = looked_up.found.response;
    std::shared_ptr<Transfer> transfer;
    if (!lead) {  // a range, say: others may want some of it, too
        Transfers::Place place = worker.node().transfers.enter(outline->key());
        if (auto* ours = std::get_if<Lead>(&place)) lead.emplace(std::move(*ours));
        auto* in_flight = std::get_if<std::shared_ptr<Transfer>>(&place);
        if (in_flight && !(*in_flight)->is_in_background()) transfer = std::move(*in_flight);
    }
    const bool is_new = !transfer;
    if (lead)
        transfer = lead->shared();
    else if (is_new)
        transfer = std::make_shared<Transfer>(worker.config().collapse.window, looked_up.mark.sequence);
    if (is_new) transfer->begin(outline, outline->content_size(), Transfer::Source::redis);
    Incoming incoming{.primary_key = exchange.key,
                      .snapshot = exchange.snapshot,
                      .policy = exchange.policy(),
                      .mark = looked_up.mark,
                      .asked = Clock::now()};
    Transfer::Reader reader(transfer, worker.executor(), worker.deadlines());
    if (is_new) {
        std::unique_ptr<FromRedis> from(
            new FromRedis{std::move(looked_up.found.content), is_stale, exchange.route, RequestCopy(exchange.request)});
        worker.spawn(fill_from_redis(worker, transfer, std::move(lead), std::move(from), outline, std::move(incoming)));
    }
    std::string name;
    const Followed followed = co_await follow(exchange, reader, outline, name);
    if (followed == Followed::answered) co_return;
    co_await forward(exchange, {rules::ForwardReason::uri_miss, false}, nullptr);  // it was purged
}

// What is decided already began before this client asked for something newer.
bool may_join(const rules::Forward& decision, const Transfer& transfer) {
    return decision.collapsible && (decision.reason != rules::ForwardReason::request || !transfer.is_decided());
}

// Looks in Redis, then asks the origin: for this client, and for those who wait for `lead`. `in_background` (may be
// null): is asking it already.
Awaitable<void> obtain(ClientExchange& exchange, store::Found known, std::optional<Lead> lead,
                       std::shared_ptr<Transfer> in_background = nullptr) {
    if (lead) known = look_in_memory(exchange);  // whoever led before may have published it since
    LookedUp looked_up{.found = std::move(known)};
    rules::Reuse reuse = reuse_of(exchange, looked_up.found);
    if (is_forward(reuse) && exchange.worker.redis()) reuse = co_await look_in_fleet(exchange, looked_up, lead);
    const bool is_stale = std::holds_alternative<rules::ServeWhileRevalidating>(reuse);
    const bool streams = is_stale || std::holds_alternative<rules::Serve>(reuse);
    BufferShare share(exchange.worker.node().buffers);
    if (looked_up.found.content && !streams) {  // what is to be validated is needed whole
        const Result<store::StoredPtr> whole =
            co_await store::read_all(*looked_up.found.content, looked_up.found.response, share);
        looked_up.found = {};
        if (whole) looked_up.found.response = *whole;
        reuse = reuse_of(exchange, looked_up.found);
    }
    const store::StoredPtr& stored = looked_up.found.response;
    exchange.record.tier = looked_up.is_from_redis ? observe::Tier::redis : observe::Tier::memory;
    if (!stored) exchange.record.tier = observe::Tier::none;
    if (lead && looked_up.is_from_redis && !is_forward(reuse)) lead->lease.release(store::LeaseOutcome::stored);
    const bool has_body_to_come = looked_up.found.content && exchange.request.method != rules::http::verb::head;
    if (stored && has_body_to_come) {
        co_await answer_streaming(exchange, std::move(looked_up), std::move(lead), is_stale);
        co_return;
    }
    if (lead && stored && !is_forward(reuse)) {
        lead->transfer().finish(stored, Transfer::Source::redis);
        lead.reset();
    }
    const bool answered = co_await answer_reusing(exchange, stored, reuse);
    if (answered) co_return;
    exchange.record.tier = observe::Tier::none;
    if (must_fail(exchange, looked_up)) {
        if (lead) lead->fail(Errc::store_unavailable);
        lead.reset();
        co_await answer_failure(exchange, stored, Errc::store_unavailable);
    } else {
        const rules::Forward decision = std::get<rules::Forward>(reuse);
        if (in_background && may_join(decision, *in_background)) {
            exchange.record.forwarded = decision.reason;
            Transfer::Reader reader(std::move(in_background), exchange.worker.executor(), exchange.worker.deadlines());
            std::string name;
            const Followed followed = co_await follow(exchange, reader, stored, name);
            if (followed == Followed::answered) co_return;
        }
        co_await forward(exchange, decision, stored, std::move(lead));
    }
}

}  // namespace

std::string transfer_name(const ClientExchange& exchange, const store::StoredPtr& stored, const std::string& variant) {
    const std::string_view wanted = stored ? stored->key() : variant;
    std::string name(wanted.empty() ? std::string_view(exchange.key) : wanted);
    // One client's view, unless the origin says otherwise: others of its kind may wait for that. RFC 9111 §3.5
    if (rules::has(exchange.request.fields, rules::http::field::authorization)) name += " authorization";
    return name;
}

Awaitable<bool> answer_reusing(ClientExchange& exchange, const store::StoredPtr& stored, const rules::Reuse& reuse) {
    if (const auto* serve = std::get_if<rules::Serve>(&reuse)) {
        maybe_refresh_early(exchange.worker, exchange.route, exchange.request, exchange.key, stored,
                            exchange.looked_up);
        exchange.record.outcome = observe::Outcome::hit;
        co_await answer_stored(exchange, stored, serve->age);
    } else if (const auto* stale = std::get_if<rules::ServeWhileRevalidating>(&reuse)) {
        refresh_in_background(exchange.worker, exchange.route, exchange.request, exchange.key, stored,
                              exchange.looked_up);
        exchange.record.outcome = observe::Outcome::stale;
        co_await answer_stored(exchange, stored, stale->age);
    } else if (std::holds_alternative<rules::Unsatisfied>(reuse)) {
        co_await answer_error(exchange, 504, "only-if-cached, and nothing usable is stored");
    } else {
        co_return false;
    }
    co_return true;
}

Awaitable<void> answer_collapsed(ClientExchange& exchange, rules::Reuse reuse, store::Found found) {
    Transfers& transfers = exchange.worker.node().transfers;
    std::string name = transfer_name(exchange, found.response, found.variant);
    const auto* const decision = std::get_if<rules::Forward>(&reuse);
    const bool may_follow = decision && decision->collapsible;
    // A part of something unknown is asked for alone, since the whole may be too large to be stored: but not where the
    // whole is on its way already.
    const bool may_lead =
        may_follow && !rules::asks_for_ranges(exchange.request) && !rules::has_precondition(exchange.request.fields);
    std::shared_ptr<Transfer> in_background;
    for (int variants = 0; may_follow && variants < 3; ++variants) {
        std::shared_ptr<Transfer> transfer;
        if (!may_lead) {
            transfer = transfers.find(name);
            if (!transfer) break;
        } else {
            Transfers::Place place = transfers.enter(name);
            if (auto* lead = std::get_if<Lead>(&place)) {
                exchange.record.forwarded.reset();
                co_await obtain(exchange, std::move(found), std::move(*lead));
                co_return;
            }
            if (auto* in_flight = std::get_if<std::shared_ptr<Transfer>>(&place)) transfer = std::move(*in_flight);
        }
        if (!transfer) break;  // nobody waits for it: but it may be in Redis, to be validated
        // It is being validated because it may be used meanwhile: from Redis, since memory does not have it.
        if (transfer->is_in_background() && !found.response) {
            in_background = std::move(transfer);
            break;
        }
        if (!may_join(*decision, *transfer)) break;
        exchange.record.forwarded = decision->reason;
        Transfer::Reader reader(std::move(transfer), exchange.worker.executor(), exchange.worker.deadlines());
        const Followed followed = co_await follow(exchange, reader, found.response, name);
        if (followed == Followed::answered) co_return;
        if (followed == Followed::again) continue;
        co_await forward(exchange, *decision, found.response);  // nobody has it for others
        co_return;
    }
    exchange.record.forwarded.reset();
    co_await obtain(exchange, std::move(found), std::nullopt, std::move(in_background));
}

}  // namespace proxy::serving
