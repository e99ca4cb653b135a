#include "proxy/store/lease_events.hpp"

#include <boost/asio/post.hpp>

namespace proxy::store {

std::string_view to_string(LeaseOutcome outcome) noexcept {
    return outcome == LeaseOutcome::stored ? "stored" : "not_stored";
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
    const bool stored = outcome == to_string(LeaseOutcome::stored);
    if (!stored && outcome != to_string(LeaseOutcome::not_stored)) return;
    const std::lock_guard lock(mutex_);
    const auto [first, last] = waiters_.equal_range(name);
    for (auto at = first; at != last; ++at) {
        const Told told = std::exchange(at->second->told_, nullptr);
        told(stored ? LeaseOutcome::stored : LeaseOutcome::not_stored);
        (stored ? stats_.stored : stats_.not_stored).add();
        stats_.waiting.subtract();
    }
    waiters_.erase(first, last);
}

LeaseWait::LeaseWait(LeaseEvents& events, std::string name, Executor executor)
    : state_(std::make_shared<State>(executor)) {
    state_->timer.expires_at(Timer::time_point::max());
    waiter_ = events.await(std::move(name), [state = state_, executor](LeaseOutcome outcome) {
        asio::post(executor, [state, outcome] {
            state->outcome = outcome;
            state->timer.cancel();
        });
    });
}

Awaitable<std::optional<LeaseOutcome>> LeaseWait::outcome(std::chrono::milliseconds limit) {
    if (waiter_ && !state_->outcome) {
        state_->timer.expires_after(limit);
        co_await state_->timer.async_wait(as_result);
    }
    co_return state_->outcome;
}

}  // namespace proxy::store
