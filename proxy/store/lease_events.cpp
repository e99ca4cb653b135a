#include "proxy/store/lease_events.hpp"

namespace proxy::store {

std::string_view to_string(LeaseOutcome outcome) noexcept {
    static constexpr std::array<std::string_view, lease_outcome_count> names{"stored", "not_stored", "failed"};
    return names[static_cast<std::size_t>(outcome)];
}

LeaseEvents::Waiter::~Waiter() {
    const std::lock_guard lock(events_.mutex_);
    if (!told_) return;
    const auto [first, last] = events_.waiters_.equal_range(name_);
    for (auto at = first; at != last; ++at) {
        if (at->second != this) continue;
        events_.waiters_.erase(at);
        break;
    }
    events_.stats_.waiting.subtract();
}

std::unique_ptr<LeaseEvents::Waiter> LeaseEvents::await(std::string name, Told told) {
    const std::lock_guard lock(mutex_);
    if (waiters_.size() >= max_waiters_) {
        stats_.refused.add();
        return nullptr;
    }
    std::unique_ptr<Waiter> waiter(new Waiter(*this, std::move(name), std::move(told)));
    waiters_.emplace(waiter->name_, waiter.get());
    stats_.waiting.add();
    return waiter;
}

void LeaseEvents::apply(std::string_view name, std::string_view outcome) {
    std::size_t which = 0;
    while (which < lease_outcome_count && outcome != to_string(static_cast<LeaseOutcome>(which))) ++which;
    if (which == lease_outcome_count) return;
    const std::lock_guard lock(mutex_);
    const auto [first, last] = waiters_.equal_range(name);
    for (auto at = first; at != last; ++at) {
        const Told told = std::exchange(at->second->told_, nullptr);
        told(static_cast<LeaseOutcome>(which));
        stats_.told[which].add();
        stats_.waiting.subtract();
    }
    waiters_.erase(first, last);
}

LeaseWait::LeaseWait(LeaseEvents& events, std::string name, Executor executor, Deadlines& deadlines)
    : told_(executor, deadlines) {
    waiter_ = events.await(std::move(name), [this, handle = told_.handle()](LeaseOutcome outcome) {
        outcome_ = outcome;
        handle.wake();
    });
}

Awaitable<std::optional<LeaseOutcome>> LeaseWait::outcome(std::chrono::milliseconds limit) {
    if (waiter_) co_await told_.wait(Clock::now() + limit);
    co_return outcome_.load();
}

}  // namespace proxy::store
