// Invariant: a request's header section lies in received_ before begin_, and stays there, unmoved, until the next
// request is taken; its content is read through content_, and what follows it goes back to received_ then.

#include "proxy/serving/client_connection.hpp"

#include <algorithm>

#include "proxy/serving/heads.hpp"

namespace proxy::serving {
namespace {

constexpr std::size_t initial_buffer = 4u << 10;
constexpr std::size_t linger_limit = 256u << 10;
constexpr std::chrono::seconds linger_time{2};

}  // namespace

ClientConnection::ClientConnection(Socket socket, Deadlines& deadlines, const LimitsConfig& limits,
                                   std::string_view default_authority)
    : socket_(std::move(socket)),
      deadline_(deadlines, socket_),
      limits_(limits),
      default_authority_(default_authority) {
    boost::system::error_code ec;
    socket_.non_blocking(true, ec);
    socket_.set_option(asio::ip::tcp::no_delay(true), ec);
    const auto endpoint = socket_.remote_endpoint(ec);
    if (!ec) peer_ = endpoint.address().to_string();
    fields_.reserve(32);
}

ClientConnection::Received ClientConnection::take_request() {
    if (content_started_) {
        const std::string_view rest = content_.unparsed();
        received_.assign(rest.begin(), rest.end());
        begin_ = 0;
        end_ = rest.size();
        content_ = {};
        content_started_ = false;
    }
    interim_.clear();
    parser_.reset();
    std::string_view received(received_.data() + begin_, end_ - begin_);
    while (received.starts_with("\r\n")) {  // RFC 9112 §2.2
        received.remove_prefix(2);
        begin_ += 2;
        if (!header_deadline_) header_deadline_ = Clock::now() + limits_.header_deadline;
    }
    if (received == "\r") return Received::incomplete;
    const std::size_t end = received.find("\r\n\r\n");
    if (end == received.npos) {
        refusal_ = received.empty() ? std::nullopt : check_incomplete_head(received, limits_);
        return refusal_ ? Received::refused : Received::incomplete;
    }
    header_deadline_.reset();
    begin_ += end + 4;
    parser_.emplace(fields_, limits_, default_authority_);
    refusal_ = end + 4 > limits_.max_header_size ? Refusal{431, "header section too large"}
                                                 : parser_->parse(received.substr(0, end + 4));
    return refusal_ ? Received::refused : Received::request;
}

void ClientConnection::make_room() {
    std::copy(received_.data() + begin_, received_.data() + end_, received_.data());
    end_ -= std::exchange(begin_, 0);
    if (end_ == received_.size())
        received_.resize(std::min(limits_.max_header_size, std::max(initial_buffer, received_.size() * 2)));
}

Awaitable<bool> ClientConnection::receive() {
    make_room();
    const auto now = Clock::now();
    if (end_ > 0 && !header_deadline_) header_deadline_ = now + limits_.header_deadline;
    deadline_.set(header_deadline_.value_or(now + limits_.keep_alive_timeout));
    waiting_ = true;
    const auto [ec, n] =
        co_await socket_.async_read_some(asio::buffer(received_.data() + end_, received_.size() - end_), as_result);
    waiting_ = false;
    if (ec) {
        if (deadline_.expired() && end_ > 0) refusal_ = Refusal{408, "header section came too slowly"};
        co_return false;
    }
    deadline_.clear();
    end_ += n;
    co_return true;
}

Awaitable<boost::system::error_code> ClientConnection::write(std::span<asio::const_buffer> buffers) {
    if (!interim_.empty()) return write_behind_interim(buffers);
    return write_all(socket_, buffers, deadline_, limits_.write_deadline);
}

Awaitable<boost::system::error_code> ClientConnection::write_behind_interim(std::span<asio::const_buffer> buffers) {
    const std::string interim = std::exchange(interim_, {});
    asio::const_buffer buffer = asio::buffer(interim);
    const boost::system::error_code ec = co_await write_all(socket_, {&buffer, 1}, deadline_, limits_.write_deadline);
    if (ec || buffers.empty()) co_return ec;
    co_return co_await write_all(socket_, buffers, deadline_, limits_.write_deadline);
}

Awaitable<void> ClientConnection::linger() {
    boost::system::error_code ec;
    socket_.shutdown(Socket::shutdown_send, ec);
    if (ec) co_return;
    deadline_.set(Clock::now() + linger_time);
    std::vector<char> discarded(initial_buffer);
    for (std::size_t total = 0; total < linger_limit;) {
        const auto [failed, n] = co_await socket_.async_read_some(asio::buffer(discarded), as_result);
        if (failed) co_return;
        total += n;
    }
}

void ClientConnection::close() {
    boost::system::error_code ignored;
    socket_.close(ignored);
}

void ClientConnection::reset() {
    boost::system::error_code ignored;
    socket_.set_option(asio::socket_base::linger(true, 0), ignored);
    socket_.close(ignored);
}

Awaitable<Result<upstream::Buffers>> ClientConnection::read_content() {
    if (!content_started_) {
        content_started_ = true;
        content_.start_with({received_.data() + begin_, end_ - begin_});
        begin_ = end_;
        if (parser_->expects_continue() && content_.unparsed().empty() && !parser_->is_done()) {
            asio::const_buffer go_on = asio::buffer("HTTP/1.1 100 Continue\r\n\r\n", 25);
            const boost::system::error_code ec = co_await write({&go_on, 1});
            if (ec) co_return Errc::client_closed;
        }
    }
    const Result<upstream::Buffers> pieces =
        co_await upstream::read_content(*parser_, content_, socket_, deadline_, limits_.body_deadline);
    if (pieces.has_error()) {
        if (deadline_.expired()) co_return Errc::client_too_slow;
        if (pieces.error() == http::error::body_limit) co_return Errc::client_too_large;
        const bool malformed = pieces.error().category() == make_error_code(http::error::bad_chunk).category();
        co_return malformed ? Errc::client_malformed : Errc::client_closed;
    }
    deadline_.clear();
    co_return *pieces;
}

void ClientConnection::keep_interim(std::string_view heads) {
    if (request().version != 10) interim_ += heads;  // HTTP/1.0 knows no interim responses. RFC 9110 §15.2
}

Awaitable<void> ClientConnection::pass_on_interim() {
    if (!interim_.empty()) co_await write_behind_interim({});
}

}  // namespace proxy::serving
