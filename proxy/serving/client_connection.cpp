// Invariant: a request's header section lies in received_ before begin_, and stays there, unmoved, until the next
// request is taken; its content is read through content_, and what follows it goes back to received_ then.

#include "proxy/serving/client_connection.hpp"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <tuple>

#include "proxy/serving/heads.hpp"

namespace proxy::serving {
namespace {

constexpr std::size_t initial_buffer = 4u << 10;
constexpr std::size_t linger_limit = 256u << 10;
constexpr std::chrono::seconds linger_time{2};

}  // namespace

ClientConnection::ClientConnection(Socket socket, const ClientSurroundings& surroundings)
    : socket_(std::move(socket)),
      deadline_(surroundings.deadlines, socket_),
      limits_(surroundings.limits),
      idle_(surroundings.idle),
      default_authority_(surroundings.default_authority),
      share_(surroundings.buffers) {
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
        count_buffers();
    }
    content_size_ = 0;
    content_waited_ = {};
    if (!interim_.empty()) {
        interim_.clear();
        count_buffers();
    }
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
        if (refusal_ && refusal_->limit) limit_reached_ = refusal_->limit;
        return refusal_ ? Received::refused : Received::incomplete;
    }
    header_deadline_.reset();
    begin_ += end + 4;
    parser_.emplace(fields_, limits_, default_authority_);
    refusal_ = end + 4 > limits_.max_header_size
                   ? Refusal{431, "header section too large", observe::Limit::max_header_size}
                   : parser_->parse(received.substr(0, end + 4));
    ++requests_;
    if (refusal_) {
        if (refusal_->limit) limit_reached_ = refusal_->limit;
        return Received::refused;
    }
    if (requests_ >= limits_.max_requests_per_connection && parser_->wants_keep_alive())
        limit_reached_ = observe::Limit::max_requests_per_connection;
    return Received::request;
}

// False where it may not grow. What has been received fits max_header_size, unless that was lowered meanwhile.
bool ClientConnection::make_room() {
    std::copy(received_.data() + begin_, received_.data() + end_, received_.data());
    end_ -= std::exchange(begin_, 0);
    if (end_ < received_.size()) return true;
    const std::size_t size = std::min(limits_.max_header_size, std::max(initial_buffer, received_.size() * 2));
    if (size <= end_) {
        refusal_ = Refusal{431, "header section too large", observe::Limit::max_header_size};
    } else if (!received_.empty() && !share_.may_grow()) {
        refusal_ = Refusal{503, "no room for the header section", observe::Limit::max_buffers};
    } else {
        received_.resize(size);
        count_buffers();
        return true;
    }
    limit_reached_ = refusal_->limit;
    return false;
}

Awaitable<bool> ClientConnection::receive() {
    if (!make_room()) co_return false;
    const asio::mutable_buffer room = asio::buffer(received_.data() + end_, received_.size() - end_);
    boost::system::error_code ec = asio::error::would_block;
    std::size_t n = 0;
    waiting_ = true;
    if (end_ == 0) idle_.push_back(*this);
    // The others' turn first: under load the next request is there by then, and no wait is needed.
    if (requests_ > 0 && end_ == 0 && !header_deadline_) {
        co_await asio::post(socket_.get_executor(), use_awaitable);
        n = socket_.read_some(room, ec);
    }
    if (ec == asio::error::would_block) {
        const auto now = Clock::now();
        if (end_ > 0 && !header_deadline_) header_deadline_ = now + limits_.header_deadline;
        deadline_.set(header_deadline_.value_or(now + limits_.keep_alive_timeout));
        std::tie(ec, n) = co_await socket_.async_read_some(room, as_result);
    }
    waiting_ = false;
    IdleHook::unlink();
    // Whoever always has a byte ready is never waited for.
    const bool late = header_deadline_ && Clock::now() >= *header_deadline_;
    if (ec || late) {
        if (!late && !deadline_.expired()) co_return false;
        limit_reached_ = header_deadline_ ? observe::Limit::header_deadline : observe::Limit::keep_alive_timeout;
        if (end_ > 0) refusal_ = Refusal{408, "header section came too slowly", limit_reached_};
        deadline_.clear();
        co_return false;
    }
    deadline_.clear();
    if (!socket_.is_open()) co_return false;  // closed in the same moment: nobody could be answered
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
    count_buffers();
    if (ec || buffers.empty()) co_return ec;
    co_return co_await write_all(socket_, buffers, deadline_, limits_.write_deadline);
}

Awaitable<void> ClientConnection::linger() {
    if (deadline_.expired()) co_return;  // it does not read
    boost::system::error_code ec;
    socket_.shutdown(Socket::shutdown_send, ec);
    if (ec) co_return;
    deadline_.set(Clock::now() + linger_time);
    std::vector<char> discarded(initial_buffer);
    for (std::size_t total = 0; total < linger_limit;) {
        const auto [failed, n] = co_await socket_.async_read_some(asio::buffer(discarded), as_result);
        if (failed) break;
        total += n;
    }
    deadline_.clear();
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
    count_buffers();
    const auto began = Clock::now();
    const auto until = began + time_left_for_content();
    const Result<upstream::Buffers> pieces =
        co_await upstream::read_content(*parser_, content_, socket_, deadline_, limits_.body_deadline, until);
    const auto now = Clock::now();
    content_waited_ += now - began;
    const bool too_slow = pieces.has_error() && deadline_.expired();
    deadline_.clear();
    if (pieces.has_error()) {
        if (too_slow) {
            limit_reached_ = now >= until ? observe::Limit::min_body_rate : observe::Limit::body_deadline;
            co_return Errc::client_too_slow;
        }
        if (pieces.error() == http::error::body_limit) {
            limit_reached_ = observe::Limit::max_request_body;
            co_return Errc::client_too_large;
        }
        if (pieces.error() == http::error::header_limit) limit_reached_ = observe::Limit::max_header_fields;
        const bool malformed = pieces.error().category() == make_error_code(http::error::bad_chunk).category();
        co_return malformed ? Errc::client_malformed : Errc::client_closed;
    }
    content_size_ += asio::buffer_size(*pieces);
    co_return *pieces;
}

// By min_body_rate: what came so far earns so much. Only the client's own time counts, not the origin's.
Clock::duration ClientConnection::time_left_for_content() const {
    constexpr std::chrono::hours for_ever{24 * 365};
    if (limits_.min_body_rate == 0) return for_ever;
    const std::chrono::seconds earned(std::min<std::uint64_t>(content_size_ / limits_.min_body_rate, 1u << 30));
    return limits_.body_rate_grace + earned - content_waited_;
}

std::optional<observe::Limit> ClientConnection::limit_reached() const noexcept {
    if (!limit_reached_ && deadline_.expired()) return observe::Limit::write_deadline;
    return limit_reached_;
}

void ClientConnection::keep_interim(std::string_view heads) {
    if (request().version == 10) return;  // which knows no interim responses. RFC 9110 §15.2
    interim_ += heads;
    count_buffers();
}

Awaitable<void> ClientConnection::pass_on_interim() {
    if (!interim_.empty()) co_await write_behind_interim({});
}

}  // namespace proxy::serving
