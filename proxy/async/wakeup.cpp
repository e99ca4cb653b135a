// The state is touched on the worker's thread alone: who wakes from elsewhere posts there.

#include "proxy/async/wakeup.hpp"

#include <boost/asio/post.hpp>
#include <optional>
#include <utility>

namespace proxy {

struct Wakeup::State {
    explicit State(Executor executor) : timer(executor) {}

    struct EndOfDeadlines final : Endable {
        EndOfDeadlines(Deadlines& deadlines, State& owner) : Endable(deadlines), all(deadlines), state(owner) {}
        void end() noexcept override { state.timer.cancel(); }
        Deadlines& all;
        State& state;
    };

    Timer timer;
    bool woken = false;
    std::optional<EndOfDeadlines> ended;  // gone with the Wakeup: handles may outlive the worker's deadlines
};

Wakeup::Wakeup(Executor executor, Deadlines& deadlines) : state_(std::make_shared<State>(executor)) {
    state_->ended.emplace(deadlines, *state_);
}

Wakeup::~Wakeup() { state_->ended.reset(); }

void Wakeup::Handle::wake() const {
    if (!state_) return;
    asio::post(state_->timer.get_executor(), [state = state_] {
        state->woken = true;
        state->timer.cancel();
    });
}

Awaitable<bool> Wakeup::wait(Clock::time_point until) {
    while (!state_->woken && !state_->ended->all.all_expired() && Clock::now() < until) {
        state_->timer.expires_at(until);
        co_await state_->timer.async_wait(as_result);
    }
    co_return std::exchange(state_->woken, false);
}

}  // namespace proxy
