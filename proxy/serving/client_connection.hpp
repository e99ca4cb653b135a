#pragma once
// One client's connection: its socket, the bytes received and not used yet, the request being answered.

#include <boost/intrusive/list.hpp>
#include <optional>
#include <string>
#include <vector>

#include "proxy/async/buffer_budget.hpp"
#include "proxy/async/deadlines.hpp"
#include "proxy/async/write_all.hpp"
#include "proxy/observe/limits.hpp"
#include "proxy/serving/request_parser.hpp"
#include "proxy/upstream/fetch.hpp"

namespace proxy::serving {

class ClientConnection;

// Among those that wait for a request, the one that does so longest first.
using IdleHook = boost::intrusive::list_base_hook<boost::intrusive::tag<struct IdleTag>,
                                                  boost::intrusive::link_mode<boost::intrusive::auto_unlink>>;
using IdleClients = boost::intrusive::list<ClientConnection, boost::intrusive::base_hook<IdleHook>,
                                           boost::intrusive::constant_time_size<false>>;

// What a worker's connections share. `limits` may change at any time, but not while a coroutine runs.
struct ClientSurroundings {
    Deadlines& deadlines;
    const LimitsConfig& limits;
    BufferBudget& buffers;
    IdleClients& idle;
    std::string_view default_authority;
};

class ClientConnection
    : public boost::intrusive::list_base_hook<boost::intrusive::link_mode<boost::intrusive::auto_unlink>>,
      public IdleHook {
 public:
    enum class Received { request, incomplete, refused };

    // All that `surroundings` refers to outlives it.
    ClientConnection(Socket socket, const ClientSurroundings& surroundings);

    // Takes the next request off the received bytes, without waiting. It and its views are valid until the next call.
    // refused: see refusal().
    Received take_request();

    [[nodiscard]] const rules::RequestHeader& request() const noexcept { return parser_->header(); }
    [[nodiscard]] bool request_has_content() const noexcept { return parser_->has_content(); }
    // And may: max_requests_per_connection.
    [[nodiscard]] bool wants_keep_alive() const {
        return parser_->wants_keep_alive() && requests_ < limits_.max_requests_per_connection;
    }
    [[nodiscard]] const Refusal& refusal() const noexcept { return *refusal_; }
    // What was understood of it before it was refused; null: nothing.
    [[nodiscard]] const rules::RequestHeader* refused_request() const noexcept {
        return parser_ ? &parser_->header() : nullptr;
    }
    // Nothing of the request's content is left on the connection.
    [[nodiscard]] bool request_is_read() const { return parser_->is_done(); }

    // Waits for more bytes. False where the connection is over: closed, idle for too long, or (then refusal() is set)
    // the header section came too slowly or there is no room for it.
    Awaitable<bool> receive();
    [[nodiscard]] bool is_refused() const noexcept { return refusal_.has_value(); }
    void refuse_with(const Refusal& refusal) { refusal_ = refusal; }
    [[nodiscard]] bool is_idle() const noexcept { return waiting_ && begin_ == end_; }

    Awaitable<boost::system::error_code> write(std::span<asio::const_buffer> buffers);

    // What the kernel takes without a wait, past which `buffers` is advanced (its elements change): write() has the
    // rest to do. That spares the usual answer a coroutine.
    boost::system::error_code write_now(std::span<asio::const_buffer>& buffers) {
        if (!interim_.empty()) return {};  // which goes first
        return proxy::write_now(socket_, buffers);
    }

    // After an answer that leaves unread bytes: ends our side and discards a bounded rest, so that closing does not
    // reset the connection before the client has read the answer. RFC 9112 §9.6
    Awaitable<void> linger();

    // For what goes on with another protocol: the socket, its deadline, and what has come behind the request.
    [[nodiscard]] Socket& socket() noexcept { return socket_; }
    [[nodiscard]] Deadline& deadline() noexcept { return deadline_; }
    [[nodiscard]] std::string_view received() const noexcept { return {received_.data() + begin_, end_ - begin_}; }

    void close();  // ends every wait, and every one that would follow

    // Closes so that the client cannot take what it has got for the whole: where only the end of the connection tells.
    void reset();

    // The request's content, for the origin. Sends 100 (Continue) first where the client waits for it. RFC 9110 §10.1.1
    Awaitable<Result<upstream::Buffers>> read_content();

    // Interim responses, ready to send: they go out with the next answer, or when they are passed on. RFC 9110 §15.2
    void keep_interim(std::string_view heads);
    Awaitable<void> pass_on_interim();

    [[nodiscard]] const std::string& peer() const noexcept { return peer_; }

    // What the connection has come up against, if anything: what is noted, or found here.
    void note(observe::Limit limit) noexcept { limit_reached_ = limit; }
    [[nodiscard]] std::optional<observe::Limit> limit_reached() const noexcept;

 private:
    bool make_room();
    void count_buffers() noexcept { share_.hold(received_.capacity() + content_.bytes.capacity() + interim_.size()); }
    [[nodiscard]] Clock::duration time_left_for_content() const;
    Awaitable<boost::system::error_code> write_behind_interim(std::span<asio::const_buffer> buffers);

    Socket socket_;
    Deadline deadline_;
    const LimitsConfig& limits_;
    IdleClients& idle_;
    const std::string_view default_authority_;
    BufferShare share_;
    std::string peer_;  // address, without port

    std::vector<char> received_;  // [begin_, end_) is not used yet
    std::size_t begin_ = 0;
    std::size_t end_ = 0;
    bool waiting_ = false;
    std::optional<Clock::time_point> header_deadline_;  // set by the first byte of a header section

    std::vector<rules::Field> fields_;
    std::optional<RequestParser> parser_;
    std::optional<Refusal> refusal_;
    upstream::ContentBuffer content_;
    std::uint64_t content_size_ = 0;
    Clock::duration content_waited_{0};  // for the client to send it
    bool content_started_ = false;
    std::string interim_;  // responses not passed on yet
    std::size_t requests_ = 0;
    std::optional<observe::Limit> limit_reached_;
};

}  // namespace proxy::serving
