#pragma once
// Who on this node waits for which lease, and what became of it. The node's one connection that follows the stream of
// lease events tells it here.

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "proxy/async/wakeup.hpp"
#include "proxy/counters.hpp"

namespace proxy::store {

enum class LeaseOutcome {
    stored,      // what was fetched can be found in Redis
    not_stored,  // what was fetched is not for others
    failed       // nothing was fetched, or not all of it
};
inline constexpr std::size_t lease_outcome_count = 3;

[[nodiscard]] std::string_view to_string(LeaseOutcome outcome) noexcept;

// Any thread.
class LeaseEvents {
 public:
    // On whatever thread the event came, at most once, with a lock held: it posts, and calls nothing of this class.
    using Told = std::function<void(LeaseOutcome)>;

    explicit LeaseEvents(std::size_t max_waiters) : max_waiters_(max_waiters) {}
    LeaseEvents(const LeaseEvents&) = delete;
    LeaseEvents& operator=(const LeaseEvents&) = delete;

    // Waits as long as it lives. When its destructor has returned, it will not be told any more.
    class Waiter {
     public:
        ~Waiter();
        Waiter(const Waiter&) = delete;
        Waiter& operator=(const Waiter&) = delete;

     private:
        friend class LeaseEvents;
        Waiter(LeaseEvents& events, std::string name, Told told)
            : events_(events), name_(std::move(name)), told_(std::move(told)) {}

        LeaseEvents& events_;
        const std::string name_;
        Told told_;  // empty: was told
    };

    // Whoever wants the lease waits before asking for it: what becomes of it meanwhile would be missed. Null where
    // max_waiters wait already.
    [[nodiscard]] std::unique_ptr<Waiter> await(std::string name, Told told);

    // An event of the stream. What is no outcome is ignored.
    void apply(std::string_view name, std::string_view outcome);

    struct Stats {
        Counter waiting;
        std::array<Counter, lease_outcome_count> told;  // waiters, by what they were told
        Counter refused;                                // max_waiters waited already
    };
    [[nodiscard]] const Stats& stats() const noexcept { return stats_; }

 private:
    struct Hash : std::hash<std::string_view> {
        using is_transparent = void;
    };
    using Waiters = std::unordered_multimap<std::string_view, Waiter*, Hash, std::equal_to<>>;  // names: the waiters'

    const std::size_t max_waiters_;
    std::mutex mutex_;
    Waiters waiters_;
    Stats stats_;  // written with the lock held
};

// A coroutine's wait for a lease, on its own worker.
class LeaseWait {
 public:
    LeaseWait(LeaseEvents& events, std::string name, Executor executor, Deadlines& deadlines);

    // False where too many wait already: outcome() would not wait.
    [[nodiscard]] bool is_waiting() const noexcept { return waiter_ != nullptr; }

    // What became of it; nothing where that is unknown at the end of `limit`, or the worker's deadlines have all
    // expired. Once.
    Awaitable<std::optional<LeaseOutcome>> outcome(std::chrono::milliseconds limit);

 private:
    Wakeup told_;
    std::atomic<std::optional<LeaseOutcome>> outcome_;
    std::unique_ptr<LeaseEvents::Waiter> waiter_;  // last: it writes the others until it is gone
};

}  // namespace proxy::store
