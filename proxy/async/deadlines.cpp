#include "proxy/async/deadlines.hpp"

namespace proxy {

Deadline::Deadline(Deadlines& deadlines, Socket& socket) : socket_(socket) { deadlines.list_.push_back(*this); }

Endable::Endable(Deadlines& deadlines) { deadlines.endables_.push_back(*this); }

Awaitable<void> Deadlines::sweep() {
    Timer timer(co_await asio::this_coro::executor);
    for (;;) {
        timer.expires_after(interval);
        co_await timer.async_wait(use_awaitable);
        const auto now = Clock::now();
        for (Deadline& deadline : list_) {
            if (deadline.at_ > now && !all_expired_) continue;
            // Again at every sweep: the coroutine may have been between two operations.
            deadline.expired_ = true;
            boost::system::error_code ignored;
            if (all_expired_) {
                deadline.socket_.close(ignored);  // nothing that follows can wait again
            } else {
                deadline.socket_.cancel(ignored);
            }
        }
        if (!all_expired_) continue;
        for (Endable& wait : endables_) wait.end();
    }
}

}  // namespace proxy
