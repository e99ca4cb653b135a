#pragma once
// Commands awaited together by one coroutine.

#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/post.hpp>
#include <memory>
#include <optional>
#include <utility>

#include "proxy/async/executor.hpp"
#include "proxy/error.hpp"
#include "proxy/store/redis_reply.hpp"

namespace proxy::store {

class Batch {
 public:
    virtual ~Batch() = default;
    virtual void complete(Result<Replies> result) = 0;  // only the first call counts

    Replies replies;  // so far
};

template <class Handler>
class BatchOf final : public Batch, public std::enable_shared_from_this<BatchOf<Handler>> {
 public:
    BatchOf(Executor executor, Handler handler) : executor_(executor), handler_(std::move(handler)) {}

    // A cancelled batch keeps its place in the queue; its replies go nowhere.
    void let_cancel() {
        const auto slot = asio::get_associated_cancellation_slot(*handler_);
        if (!slot.is_connected()) return;
        auto cancel = [weak = this->weak_from_this()](asio::cancellation_type) {
            if (const auto batch = weak.lock()) batch->complete(Errc::cancelled);
        };
        asio::cancellation_slot(slot).assign(std::move(cancel));
    }

    void complete(Result<Replies> result) override {
        if (!handler_) return;
        auto resume = [handler = std::move(*handler_), result = std::move(result)]() mutable {
            std::move(handler)(std::move(result));
        };
        handler_.reset();
        asio::post(executor_, std::move(resume));
    }

 private:
    Executor executor_;
    std::optional<Handler> handler_;
};

// Waits for the replies to what `send` sends. It is given the batch, and called before this suspends.
template <class Send>
Awaitable<Result<Replies>> await_replies(Executor executor, Send send) {
    auto initiation = [](auto handler, Executor resumed_on, Send* given) {
        auto batch = std::make_shared<BatchOf<decltype(handler)>>(resumed_on, std::move(handler));
        batch->let_cancel();
        (*given)(std::move(batch));
    };
    co_return co_await asio::async_initiate<const asio::use_awaitable_t<Executor>, void(Result<Replies>)>(
        initiation, use_awaitable, executor, &send);
}

}  // namespace proxy::store
