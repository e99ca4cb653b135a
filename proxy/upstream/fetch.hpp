#pragma once
// One exchange with the origin: the request goes out, the response's header section comes back, its content is read on.

#include <memory>
#include <optional>
#include <string>

#include "proxy/rules/message.hpp"
#include "proxy/upstream/connection_pool.hpp"
#include "proxy/upstream/content_reader.hpp"
#include "proxy/upstream/response_parser.hpp"

namespace proxy::upstream {

// The client's side of a request that has content, and of interim responses.
struct Client {
    virtual ~Client() = default;

    // The next pieces of the request's content, without its transfer coding; empty at its end. Valid until the next
    // call.
    virtual Awaitable<Result<Buffers>> read_content() = 0;

    // Keeps a 1xx other than 101 until it is passed on, or goes out with the final response. RFC 9110 §15.2
    virtual void keep_interim(const rules::ResponseHeader& header) = 0;
    virtual Awaitable<void> pass_on_interim() = 0;
};

struct OutgoingRequest {
    rules::http::verb method = rules::http::verb::get;
    std::string head;                                                     // ready to send, final empty line included
    enum class Content { none, sized, chunked } content = Content::none;  // how the head announces it
    std::string protocol{};  // offered in Upgrade: then a 101 that switches to it is a final response. RFC 9110 §7.8

    // Whether an origin may overlook the content, of a method that gives it no meaning, and take it for the next
    // request. So there must be none: the head says `Connection: close`. RFC 9110 §9.3.1, RFC 9112 §9.6
    [[nodiscard]] bool content_may_be_overlooked() const noexcept {
        return content != Content::none && (rules::is_safe(method) || method == rules::http::verb::delete_);
    }
};

// A response whose header section has arrived. Destroyed before its content was read to the end, it closes the
// connection.
class Exchange {
 public:
    Exchange(ConnectionPool& pool, ConnectionPool::Lease lease, rules::http::verb method);
    ~Exchange();

    // Views that are valid as long as the exchange.
    [[nodiscard]] const rules::ResponseHeader& header() const noexcept { return parser_->header(); }

    // Of the content, where the header section says it.
    [[nodiscard]] std::optional<std::uint64_t> content_length() const;

    // The next pieces of content, without transfer coding; empty when it is complete. Valid until the next call.
    // Errors: upstream_closed (truncated), upstream_malformed, deadline_exceeded.
    Awaitable<Result<Buffers>> read_content();

    // Field lines of the trailer section that may be passed on; complete with the content. RFC 9110 §6.5
    [[nodiscard]] const std::string& trailers() const noexcept { return parser_->trailers(); }

    // Whether read_content has nothing to wait for: all of it came with the header section.
    [[nodiscard]] bool has_all_content() const;

    // Whether the connection goes on with the protocol that was offered. It never returns to the pool.
    [[nodiscard]] bool has_switched() const noexcept { return final_ && header().status == 101; }
    [[nodiscard]] Socket& socket() noexcept { return lease_->socket; }
    [[nodiscard]] Deadline& deadline() noexcept { return lease_->deadline; }
    // What came behind the header section, of that protocol.
    [[nodiscard]] std::string_view received() const noexcept {
        return {lease_->head_buffer.data() + head_parsed_, head_end_ - head_parsed_};
    }

    // Whether all content has been read; may be so before read_content says it.
    [[nodiscard]] bool is_complete() const noexcept { return parser_->is_done(); }

 private:
    friend Awaitable<Result<std::unique_ptr<Exchange>>> fetch(ConnectionPool&, const OutgoingRequest&, Client*);

    Awaitable<Result<void>> run(const OutgoingRequest& request, Client* client);
    Awaitable<Result<void>> send_content(Client& client, bool chunked);
    Awaitable<Result<void>> read_final_header(const OutgoingRequest& request, Client* client, bool passes_on_interim);
    Result<bool> take_header();
    [[nodiscard]] boost::system::error_code broken(boost::system::error_code ec) const;

    ConnectionPool& pool_;
    ConnectionPool::Lease lease_;
    rules::http::verb method_;
    std::optional<ResponseParser> parser_;
    std::size_t head_end_ = 0;     // bytes in head_buffer
    std::size_t head_parsed_ = 0;  // of which parsed
    int interim_responses_ = 0;
    bool final_ = false;             // header() is the final response's
    bool answered_ = false;          // a byte of a response came
    bool request_complete_ = false;  // all of the request was sent
    bool cut_alike_ = true;          // no reader of the request can see another end of it
};

// Sends the request and awaits the final response's header section. Retried once, on a new connection, where an idle
// one turns out dead before a byte of response came, the method is idempotent and there is no content. RFC 9112 §9.3.1
// `client` may be null where the request has no content; it outlives the call. Errors: upstream_*, deadline_exceeded,
// no_buffers, client_*.
Awaitable<Result<std::unique_ptr<Exchange>>> fetch(ConnectionPool& pool, const OutgoingRequest& request,
                                                   Client* client);

}  // namespace proxy::upstream
