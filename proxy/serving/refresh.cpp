#include "proxy/serving/refresh.hpp"

#include "proxy/rules/early_refresh.hpp"
#include "proxy/rules/validation.hpp"
#include "proxy/serving/background_fetch.hpp"
#include "proxy/serving/fill.hpp"
#include "proxy/serving/fleet_turn.hpp"
#include "proxy/serving/request_copy.hpp"
#include "proxy/serving/storage.hpp"

namespace proxy::serving {
namespace {

// One fetch in the background, with all that it needs once the client's bytes are gone.
class Refresh {
 public:
    Refresh(Worker& worker, const Route& route, const rules::RequestHeader& request, std::string primary_key,
            store::StoredPtr stored, store::Mark mark, Lead lead)
        : worker_(worker),
          snapshot_(route.snapshot.lock()),
          route_(route),
          request_(request),
          key_(std::move(primary_key)),
          stored_(std::move(stored)),
          lead_(std::move(lead)),
          storage_{worker_, route.config->policy, request_.header(), key_, worker.mark_to_validate(mark)},
          counted_(worker_.own_metrics().background_fetches) {
        worker_.own_metrics().background_fetches_total.add();
    }
    Refresh(const Refresh&) = delete;
    Refresh& operator=(const Refresh&) = delete;

    Awaitable<void> run();

 private:
    Awaitable<bool> is_done_elsewhere();
    Awaitable<void> ask();
    Awaitable<bool> apply(std::unique_ptr<upstream::Exchange> origin, const rules::Arrival& arrival,
                          const rules::StoredResponse* validated);
    [[nodiscard]] Incoming incoming() const {
        return {.primary_key = key_,
                .snapshot = snapshot_,
                .policy = storage_.policy,
                .mark = storage_.mark,
                .asked = asked_,
                .replaces = true};
    }

    Worker& worker_;
    const SnapshotPtr snapshot_;
    const Route& route_;
    const RequestCopy request_;
    const std::string key_;
    const store::StoredPtr stored_;
    Lead lead_;
    const Storage storage_;
    Clock::time_point asked_;
    const CountedWhile counted_;
};

// What the origin's answer changes. False where it was a 304 for something else: ask again, without conditions.
Awaitable<bool> Refresh::apply(std::unique_ptr<upstream::Exchange> origin, const rules::Arrival& arrival,
                               const rules::StoredResponse* validated) {
    const rules::ResponseHeader& response = origin->header();
    if (validated && response.status == 304) {
        const auto fresh = storage_.freshened(*validated, response, arrival);
        if (fresh) finish(worker_, std::move(lead_), incoming(), fresh, Transfer::Source::validation);
        co_return fresh != nullptr;
    }
    if (rules::is_server_failure(response.status) || response.status == 304) {
        lead_.fail_with_status();  // then the stale one stays, as long as it may
        co_return true;
    }
    rules::Storing storing = storage_.decide(response, arrival, false, false, nullptr);
    if (auto* freshness = std::get_if<rules::Freshness>(&storing); freshness && response.status != 206) {
        const store::StoredPtr outline = storage_.outline(response, arrival, *freshness, origin->content_length());
        lead_.transfer().begin(outline, origin->content_length(), Transfer::Source::origin);
        co_await fill_from_origin(worker_, std::move(origin), std::move(lead_), outline, incoming());
        co_return true;
    }
    const auto* why = std::get_if<rules::Uncacheable>(&storing);
    const bool ends = why && rules::ends_what_is_stored(response.status, *why);
    lead_.release(ends);
    if (ends) co_await storage_.invalidate();
    co_return true;
}

// By another node: then what it got is taken from Redis. Where another is at it, what comes of that is awaited.
Awaitable<bool> Refresh::is_done_elsewhere() {
    const auto limit = Clock::now() + route_.pool->config().first_byte_deadline;
    while (worker_.redis()) {
        const Result<store::Found> found = co_await worker_.redis()->lookup(key_, request_.header());
        if (!found) break;  // Redis is away
        store::StoredPtr shared = found->response;
        if (found->content) {
            BufferShare share(worker_.node().buffers);
            const Result<store::StoredPtr> whole = co_await store::read_all(*found->content, shared, share);
            if (!whole) break;
            shared = *whole;
        }
        if (shared && shared->arrival().response_time > stored_->arrival().response_time) {
            const seconds keep = shared->useful_for(worker_.now(), storage_.policy.keep_for_validation);
            worker_.remember(key_, shared, keep, storage_.mark);
            lead_.transfer().finish(shared, Transfer::Source::redis);
            co_return true;
        }
        if (lead_.lease) break;  // another node may have had it, and stored, since the look-up: not so
        const Turn turn = co_await take_turn(worker_, key_, lead_.name(), lead_, limit);
        if (turn == Turn::not_stored) co_return true;
        if (turn == Turn::ours && !lead_.lease) break;
    }
    co_return false;
}

Awaitable<void> Refresh::run() {
    const bool done = co_await is_done_elsewhere();
    if (!done) co_await ask();
}

Awaitable<void> Refresh::ask() {
    for (const rules::StoredResponse* validated = stored_.get();; validated = nullptr) {
        std::string conditions;
        if (validated) rules::append_conditional_fields(conditions, *validated);
        const Time sent = worker_.now();
        asked_ = Clock::now();
        auto fetched = co_await fetch_in_background(worker_, route_, request_.header(), conditions);
        if (fetched.has_error()) {  // counted by the pool
            lead_.fail(fetched.error());
            co_return;
        }
        const rules::Arrival arrival = rules::arrival_of((*fetched)->header(), sent, worker_.now());
        const bool applied = co_await apply(std::move(*fetched), arrival, validated);
        if (applied || !validated) co_return;
    }
}

Awaitable<void> run(std::unique_ptr<Refresh> refresh) { co_await refresh->run(); }

}  // namespace

void refresh_in_background(Worker& worker, const Route& route, const rules::RequestHeader& request,
                           const std::string& primary_key, const store::StoredPtr& stored, store::Mark mark) {
    if (worker.stopping() || request.method != rules::http::verb::get) return;
    if (worker.own_metrics().background_fetches.get() >= worker.config().collapse.max_background) {
        worker.own_metrics().background_fetches_refused.add();
        return;
    }
    Transfers::Place place = worker.node().transfers.enter(stored->key());
    auto* lead = std::get_if<Lead>(&place);
    if (!lead) return;  // somebody is at it
    lead->transfer().set_in_background();
    worker.spawn(run(std::make_unique<Refresh>(worker, route, request, primary_key, stored, mark, std::move(*lead))));
}

void maybe_refresh_early(Worker& worker, const Route& route, const rules::RequestHeader& request,
                         const std::string& primary_key, const store::StoredPtr& stored, store::Mark mark) {
    const double beta = route.config->policy.early_refresh;
    if (beta <= 0) return;
    const auto now = std::chrono::floor<milliseconds>(std::chrono::system_clock::now());
    if (rules::should_refresh_early(*stored, now, 1 - worker.random(), beta))
        refresh_in_background(worker, route, request, primary_key, stored, mark);
}

}  // namespace proxy::serving
