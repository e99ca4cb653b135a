#include "loadgen/client.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/asio/connect.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/read.hpp>

#include "loadgen/cache_outcome.hpp"
#include "loadgen/response_parser.hpp"

namespace loadgen {

namespace asio = boost::asio;
using boost::system::error_code;
using proxy::as_result;
using proxy::Awaitable;

struct Client::Attempt {
    error_code error;
    bool answered = false;  // at least in part
    Reply reply;
};

Awaitable<error_code> Client::connect() {
    if (socket_.is_open()) co_return error_code{};
    buffer_.clear();
    timed_out_ = false;
    deadline_ = Clock::now() + timeout_;
    const auto [error, endpoint] = co_await asio::async_connect(socket_, endpoints_, as_result);
    deadline_ = Clock::time_point::max();
    error_code ignored;
    if (error)
        socket_.close(ignored);
    else
        socket_.set_option(asio::ip::tcp::no_delay(true), ignored);
    co_return explain(error);
}

Awaitable<proxy::Result<Reply>> Client::get(std::string_view key) {
    request_ = "GET ";
    request_ += url_.target(key);
    request_ += " HTTP/1.1\r\nHost: ";
    request_ += url_.authority;
    request_ += "\r\nUser-Agent: weir-loadgen\r\n\r\n";

    const auto deadline = Clock::now() + timeout_;
    for (;;) {
        const bool used_before = socket_.is_open();
        const error_code refused = co_await connect();
        if (refused) co_return refused;
        deadline_ = deadline;
        const Attempt result = co_await attempt();
        deadline_ = Clock::time_point::max();
        if (!result.error) co_return result.reply;
        error_code ignored;
        socket_.close(ignored);
        if (!used_before || result.answered || timed_out_) co_return explain(result.error);
    }
}

// Writes the request and reads the final response; interim ones are passed over. RFC 9110 §15.2
Awaitable<Client::Attempt> Client::attempt() {
    Attempt result;
    const auto [write_error, written] = co_await asio::async_write(socket_, asio::buffer(request_), as_result);
    result.error = write_error;
    while (!result.error) {
        ResponseParser parser;
        const auto [error, size] = co_await http::async_read(socket_, buffer_, parser, as_result);
        result.answered = result.answered || parser.got_some();
        result.error = error;
        if (error || parser.status() < 200) continue;
        result.reply = {parser.status(), is_hit(parser.cache_status(), parser.x_cache())};
        error_code ignored;
        if (!parser.keep_alive()) socket_.close(ignored);
        break;
    }
    co_return result;
}

void Client::check_deadline(Clock::time_point now) {
    if (now < deadline_) return;
    timed_out_ = true;
    deadline_ = Clock::time_point::max();
    error_code ignored;
    socket_.close(ignored);  // ends the operation under way
}

error_code Client::explain(error_code error) const {
    if (error && timed_out_) return proxy::Errc::deadline_exceeded;
    if (error == http::error::end_of_stream || error == http::error::partial_message)
        return proxy::Errc::upstream_closed;
    return error;
}

}  // namespace loadgen
