// Invariant: a connection goes back to the pool only where the request was sent whole, the response was read whole,
// nothing followed it, neither side asked to close, and no other reader of the request can see another end of it.
// Everything else closes it.

#include "proxy/upstream/fetch.hpp"

#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/post.hpp>
#include <charconv>
#include <utility>

#include "proxy/async/write_all.hpp"
#include "proxy/rules/upgrade.hpp"

namespace proxy::upstream {
namespace {

constexpr std::size_t initial_head_size = 4u << 10;
constexpr int max_interim_responses = 16;

}  // namespace

Exchange::Exchange(ConnectionPool& pool, ConnectionPool::Lease lease, rules::http::verb method)
    : pool_(pool), lease_(std::move(lease)), method_(method) {}

Exchange::~Exchange() {
    if (!final_ || !parser_->is_done() || !request_complete_ || !cut_alike_ || has_switched()) return;
    if (head_parsed_ != head_end_ || !lease_->content.unparsed().empty()) return;
    if (parser_->keep_alive() && !parser_->need_eof()) lease_.give_back();
}

std::optional<std::uint64_t> Exchange::content_length() const {
    const auto length = parser_->content_length();
    if (!length) return std::nullopt;
    return *length;
}

bool Exchange::has_all_content() const {
    const auto length = parser_->content_length();
    return parser_->is_done() || (length && head_end_ - head_parsed_ >= *length);
}

boost::system::error_code Exchange::broken(boost::system::error_code ec) const {
    if (lease_->deadline.expired()) return Errc::deadline_exceeded;
    if (ec == asio::error::operation_aborted) return Errc::cancelled;
    return Errc::upstream_closed;
}

// The next response's header section from what has come; false: more of it has to come, for which there is room then.
// A malformed one stays where it is: whoever asks again gets the same answer.
Result<bool> Exchange::take_header() {
    std::vector<char>& buffer = lease_->head_buffer;
    const ResponseLimits& limits = pool_.limits();
    // What follows an interim response moves to the front, so that one header section may use the whole limit.
    if (head_parsed_ > 0) {
        std::copy(buffer.data() + head_parsed_, buffer.data() + head_end_, buffer.data());
        head_end_ -= std::exchange(head_parsed_, 0);
    }
    const std::string_view received(buffer.data(), head_end_);
    const std::size_t end = received.find("\r\n\r\n");
    if (end != received.npos) {
        boost::system::error_code ec;
        parser_.emplace(received.substr(0, end + 4), limits.header_fields, method_ == rules::http::verb::head);
        const std::size_t parsed = parser_->put(asio::buffer(buffer.data(), end + 4), ec);
        if (ec || !parser_->is_header_done()) return Errc::upstream_malformed;
        head_parsed_ = parsed;
        return true;
    }
    if (is_hopeless(received)) return Errc::upstream_malformed;
    if (head_end_ == buffer.size()) {
        if (buffer.size() >= limits.header_size) return Errc::upstream_malformed;
        buffer.resize(std::min(limits.header_size, std::max(initial_head_size, buffer.size() * 2)));
        lease_->count_buffers();
    }
    return false;
}

// May be cancelled while it waits for the origin, without losing what has come; so an error is found again.
Awaitable<Result<void>> Exchange::read_final_header(const OutgoingRequest& request, Client* client,
                                                    bool passes_on_interim) {
    while (!final_) {
        const Result<bool> taken = take_header();
        if (taken.has_error()) co_return taken.error();
        if (!*taken) {
            const auto [ec, n] =
                co_await lease_->socket.async_read_some(asio::buffer(lease_->head_buffer) + head_end_, as_result);
            if (ec) co_return broken(ec);
            answered_ = true;
            head_end_ += n;
            continue;
        }
        const unsigned status = header().status;
        const bool offered = status == 101 && !request.protocol.empty();
        if (status >= 200 || (offered && rules::switches_to(header(), request.protocol))) {
            final_ = true;
        } else if (status == 101 || ++interim_responses_ > max_interim_responses) {
            head_parsed_ = 0;
            co_return Errc::upstream_malformed;  // an upgrade nobody asked for, RFC 9110 §7.8; or a flood
        } else if (client) {
            client->keep_interim(header());
            if (passes_on_interim) co_await client->pass_on_interim();
        }
    }
    co_return Result<void>();
}

Awaitable<Result<void>> Exchange::send_content(Client& client, bool chunked) {
    const auto stall = pool_.config().between_bytes_deadline;
    std::vector<asio::const_buffer> out;
    std::string chunk_size;
    for (bool end = false; !end;) {
        const Result<Buffers> pieces = co_await client.read_content();
        if (pieces.has_error()) co_return pieces.error();
        end = pieces->empty();
        out.assign(pieces->begin(), pieces->end());
        if (chunked) {
            char hex[16];
            const auto digits = std::to_chars(hex, hex + sizeof hex, asio::buffer_size(out), 16);
            chunk_size.assign(hex, digits.ptr).append("\r\n");
            out.insert(out.begin(), asio::buffer(chunk_size));
            out.push_back(asio::buffer("\r\n", 2));
        }
        const boost::system::error_code ec = co_await write_all(lease_->socket, out, lease_->deadline, stall);
        if (ec) co_return broken(ec);
    }
    co_return Result<void>();
}

Awaitable<Result<void>> Exchange::run(const OutgoingRequest& request, Client* client) {
    using namespace asio::experimental::awaitable_operators;
    cut_alike_ = !request.content_may_be_overlooked();
    asio::const_buffer head = asio::buffer(request.head);
    std::span<asio::const_buffer> left(&head, 1);
    boost::system::error_code ec = write_now(lease_->socket, left);
    if (!ec && !left.empty())
        ec = co_await write_all(lease_->socket, left, lease_->deadline, pool_.config().between_bytes_deadline);
    if (ec) co_return broken(ec);

    if (request.content == OutgoingRequest::Content::none) {
        request_complete_ = true;
        co_await asio::post(lease_->socket.get_executor(), use_awaitable);  // the others' turn: a read now is in vain
    } else {
        // The origin may answer before it has read everything; then the rest is not sent.
        const bool chunked = request.content == OutgoingRequest::Content::chunked;
        // Interim responses are not passed on meanwhile: the client's deadline watches its content.
        auto first = co_await (send_content(*client, chunked) || read_final_header(request, client, false));
        if (const auto* sent = std::get_if<0>(&first)) {
            request_complete_ = sent->has_value();
            if (sent->has_error() && sent->error() != Errc::upstream_closed) co_return *sent;
        } else if (std::get<1>(first).has_error()) {
            co_return std::get<1>(first);
        }
    }
    lease_->deadline.set(Clock::now() + pool_.config().first_byte_deadline);
    if (client) co_await client->pass_on_interim();
    co_return co_await read_final_header(request, client, true);
}

Awaitable<Result<Buffers>> Exchange::read_content() {
    if (head_parsed_ < head_end_ && !parser_->is_done()) {
        lease_->content.start_with({lease_->head_buffer.data() + head_parsed_, head_end_ - head_parsed_});
        head_parsed_ = head_end_;
    }
    if (!parser_->is_done()) lease_->content.allocate();
    lease_->count_buffers();
    const Result<Buffers> pieces = co_await upstream::read_content(
        *parser_, lease_->content, lease_->socket, lease_->deadline, pool_.config().between_bytes_deadline);
    if (pieces.has_value()) co_return *pieces;
    const bool malformed = pieces.error().category() == make_error_code(http::error::bad_chunk).category();
    co_return malformed ? make_error_code(Errc::upstream_malformed) : broken(pieces.error());
}

Awaitable<Result<std::unique_ptr<Exchange>>> fetch(ConnectionPool& pool, const OutgoingRequest& request,
                                                   Client* client) {
    const auto started = Clock::now();
    for (bool retry = false;; retry = true) {
        Result<ConnectionPool::Lease> lease = co_await pool.acquire(retry);
        if (lease.has_error()) {
            pool.stats().count(lease.error());
            co_return lease.error();
        }
        const bool reused = (*lease)->reused;
        auto exchange = std::make_unique<Exchange>(pool, std::move(*lease), request.method);
        const Result<void> result = co_await exchange->run(request, client);
        if (result.has_value()) {
            pool.stats().ok.add();
            pool.stats().first_byte.observe(Clock::now() - started);
            co_return std::move(exchange);
        }
        const bool may_retry = !retry && reused && !exchange->answered_ && rules::is_idempotent(request.method) &&
                               request.content == OutgoingRequest::Content::none &&
                               result.error() == Errc::upstream_closed;
        if (!may_retry) {
            pool.stats().count(result.error());
            co_return result.error();
        }
        pool.stats().retries.add();
    }
}

}  // namespace proxy::upstream
