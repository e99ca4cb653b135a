#pragma once
// One connection that is kept, used again, and renewed when the server has closed it.

#include <boost/beast/core/flat_buffer.hpp>
#include <string_view>

#include "loadgen/url.hpp"
#include "proxy/async/executor.hpp"
#include "proxy/error.hpp"

namespace loadgen {

using Clock = std::chrono::steady_clock;
using Endpoints = proxy::Resolver::results_type;

struct Reply {
    unsigned status = 0;
    bool hit = false;
};

class Client {
 public:
    // `url` and `endpoints` outlive the client.
    Client(proxy::Executor executor, const Url& url, const Endpoints& endpoints, Clock::duration timeout)
        : socket_(executor), url_(url), endpoints_(endpoints), timeout_(timeout) {}

    // Opens the connection where it is not open.
    [[nodiscard]] proxy::Awaitable<boost::system::error_code> connect();

    // The answer to GET, its content read to the end and dropped. Asked once more where a connection that was used
    // before turns out to be closed. Errc::deadline_exceeded after the time-out.
    [[nodiscard]] proxy::Awaitable<proxy::Result<Reply>> get(std::string_view key);

    // To be called every now and then: breaks off what has lasted too long.
    void check_deadline(Clock::time_point now);

 private:
    struct Attempt;
    proxy::Awaitable<Attempt> attempt();
    boost::system::error_code explain(boost::system::error_code error) const;

    proxy::Socket socket_;
    const Url& url_;
    const Endpoints& endpoints_;
    Clock::duration timeout_;
    Clock::time_point deadline_ = Clock::time_point::max();
    bool timed_out_ = false;
    std::string request_;
    boost::beast::flat_buffer buffer_;
};

}  // namespace loadgen
