#include "proxy/serving/fleet_turn.hpp"

namespace proxy::serving {

Awaitable<Turn> take_turn(Worker& worker, std::string_view primary_key, std::string_view wanted, Lead& lead,
                          Clock::time_point limit) {
    store::Leases* const leases = worker.leases();
    const std::string name = leases->name_of(primary_key, wanted);
    while (Clock::now() < limit && !worker.deadlines().all_expired()) {
        // Before it is asked for.
        store::LeaseWait wait(worker.node().lease_events, name, worker.executor(), worker.deadlines());
        auto answer = co_await leases->acquire(name);
        if (!answer) break;
        if (auto* lease = std::get_if<store::Lease>(&*answer)) {
            lead.lease = store::HeldLease(*leases, std::move(*lease));
            break;
        }
        if (!wait.is_waiting()) break;
        // A moment longer than it lasts, so that it is over when it is asked for again.
        const milliseconds left = std::get<store::LeaseElsewhere>(*answer).left + milliseconds{2};
        const auto until_limit = std::chrono::ceil<milliseconds>(limit - Clock::now());
        const std::optional<store::LeaseOutcome> outcome = co_await wait.outcome(std::min(left, until_limit));
        if (outcome == store::LeaseOutcome::stored) co_return Turn::stored;
        if (outcome == store::LeaseOutcome::not_stored) co_return Turn::not_stored;
        if (outcome == store::LeaseOutcome::failed) break;  // waiting for the next one could go on for ever
    }
    co_return Turn::ours;
}

}  // namespace proxy::serving
