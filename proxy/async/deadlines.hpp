#pragma once
// Deadlines for many sockets by one timer: each is a stored time, and a sweep cancels what is overdue. A timer per read
// was measured to cost more than parsing a request. The price is precision: a deadline is noticed up to `interval`
// late.

#include <boost/intrusive/list.hpp>

#include "proxy/async/executor.hpp"

namespace proxy {

using Clock = std::chrono::steady_clock;

class Deadlines;

// The deadline of whatever its socket waits for. Lives beside the socket, on the worker's thread. After it has passed,
// every operation on the socket ends with operation_aborted until the deadline is set anew or cleared.
class Deadline : public boost::intrusive::list_base_hook<boost::intrusive::link_mode<boost::intrusive::auto_unlink>> {
 public:
    Deadline(Deadlines& deadlines, Socket& socket);

    void set(Clock::time_point at) noexcept {
        at_ = at;
        expired_ = false;
    }
    void clear() noexcept { set(Clock::time_point::max()); }

    // Distinguishes the deadline from a peer's reset and from a worker that stops.
    [[nodiscard]] bool expired() const noexcept { return expired_; }

 private:
    friend class Deadlines;
    Socket& socket_;
    Clock::time_point at_ = Clock::time_point::max();
    bool expired_ = false;
};

// A wait for something else than a socket, which must end all the same when every deadline has passed.
class Endable : public boost::intrusive::list_base_hook<boost::intrusive::link_mode<boost::intrusive::auto_unlink>> {
 public:
    explicit Endable(Deadlines& deadlines);
    virtual void end() noexcept = 0;  // the wait, if there is one; called again and again

 protected:
    ~Endable() = default;
};

class Deadlines {
 public:
    static constexpr std::chrono::milliseconds interval{50};

    // Sweeps until cancelled; the deadlines must be gone before this is.
    Awaitable<void> sweep();

    // From the next sweep on every deadline has passed, whatever it is set to, and sockets are closed: ends all waits.
    void expire_all() noexcept { all_expired_ = true; }
    [[nodiscard]] bool all_expired() const noexcept { return all_expired_; }

 private:
    friend class Deadline;
    friend class Endable;
    boost::intrusive::list<Deadline, boost::intrusive::constant_time_size<false>> list_;
    boost::intrusive::list<Endable, boost::intrusive::constant_time_size<false>> endables_;
    bool all_expired_ = false;
};

}  // namespace proxy
