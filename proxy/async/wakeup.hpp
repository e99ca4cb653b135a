#pragma once
// A coroutine's wait that any thread can end.

#include <memory>

#include "proxy/async/deadlines.hpp"

namespace proxy {

// On its worker's thread, but for Handle::wake.
class Wakeup {
    struct State;

 public:
    Wakeup(Executor executor, Deadlines& deadlines);
    ~Wakeup();
    Wakeup(const Wakeup&) = delete;
    Wakeup& operator=(const Wakeup&) = delete;

    // Any thread, for as long as the worker exists. May outlive the Wakeup: then waking does nothing.
    class Handle {
     public:
        Handle() = default;
        void wake() const;

     private:
        friend class Wakeup;
        explicit Handle(std::shared_ptr<State> state) : state_(std::move(state)) {}
        std::shared_ptr<State> state_;
    };
    [[nodiscard]] Handle handle() const { return Handle(state_); }

    // Until it is woken; at once where that has happened since the last wait ended. False: not before `until`, or the
    // worker's deadlines have all expired.
    Awaitable<bool> wait(Clock::time_point until);

 private:
    std::shared_ptr<State> state_;
};

}  // namespace proxy
