// The order of replies is that of commands: in_flight_ is the queue of what is not yet answered, and since every
// command has the same budget, one timer at the oldest watches them all.
#include "proxy/store/redis_connection.hpp"

namespace proxy::store {

RedisConnection::RedisConnection(Executor executor, milliseconds budget, RedisStats& stats, Owner& owner)
    : executor_(executor),
      budget_(budget),
      stats_(stats),
      owner_(owner),
      link_(std::make_shared<RedisLink>(executor, *this)),
      deadline_(executor) {}

Awaitable<Result<Replies>> RedisConnection::exchange(const Commands& commands, Purpose purpose) {
    return await_replies(executor_, [self = shared_from_this(), &commands, purpose](std::shared_ptr<Batch> batch) {
        self->send(std::move(batch), commands, purpose);
    });
}

void RedisConnection::send(std::shared_ptr<Batch> batch, const Commands& commands, Purpose purpose) {
    if (ended_) return batch->complete(Errc::store_unavailable);
    for (const auto& command : commands) link_->send(command);
    batch->replies.reserve(commands.size());
    in_flight_.push_back({std::move(batch), commands.size(), purpose, Clock::now()});
    unanswered_ += commands.size();
    measure();
    watch();
}

void RedisConnection::watch() {
    if (watching_ || in_flight_.empty()) return;
    watching_ = true;
    deadline_.expires_at(in_flight_.front().sent + budget_);
    deadline_.async_wait([self = shared_from_this()](boost::system::error_code) {
        self->watching_ = false;
        if (self->in_flight_.empty()) return;
        if (self->in_flight_.front().sent + self->budget_ <= Clock::now())
            self->close("no reply within the command budget");
        else
            self->watch();
    });
}

void RedisConnection::on_reply(Reply reply) {
    InFlight& oldest = in_flight_.front();
    --unanswered_;
    measure();
    if (oldest.purpose == Purpose::command) {
        (is_error(reply) ? stats_.errors : stats_.ok).add();
        if (is_error(reply)) stats_.error_replies[static_cast<std::size_t>(error_of(reply))].add();
        const Clock::duration latency = Clock::now() - oldest.sent;
        stats_.latency.observe(latency);
        owner_.on_answer(reply, latency);
    }
    oldest.batch->replies.push_back(std::move(reply));
    if (--oldest.unanswered > 0) return;
    const std::shared_ptr<Batch> batch = std::move(oldest.batch);
    in_flight_.pop_front();
    batch->complete(std::move(batch->replies));
}

void RedisConnection::close(const std::string& why) {
    if (ended_) return;
    link_->close();
    on_closed(why);
}

void RedisConnection::on_closed(const std::string& why) {
    ended_ = true;
    deadline_.cancel();
    fail_in_flight(why);
    owner_.on_end(why);
}

void RedisConnection::fail_in_flight(const std::string& why) {
    const Clock::time_point overdue = Clock::now() - budget_;
    for (const InFlight& lost : std::exchange(in_flight_, {})) {
        const bool late = lost.sent <= overdue;
        if (lost.purpose == Purpose::command) {
            (late ? stats_.timeouts : stats_.errors).add(lost.unanswered);
            for (std::size_t i = 0; i < lost.unanswered; ++i) owner_.on_failure(why);
        }
        lost.batch->complete(late ? Errc::deadline_exceeded : Errc::store_unavailable);
    }
    unanswered_ = 0;
    measure();
}

void RedisConnection::measure() {
    stats_.in_flight.set(unanswered_);
    stats_.unsent.set(link_->unsent());
}

}  // namespace proxy::store
