#pragma once
// Content of a message, of either direction: read from a socket, its transfer coding removed in place.

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/beast/http/error.hpp>
#include <span>
#include <vector>

#include "proxy/async/deadlines.hpp"
#include "proxy/error.hpp"
#include "proxy/upstream/chunks.hpp"

namespace proxy::upstream {

using Buffers = std::span<const asio::const_buffer>;

struct ContentBuffer {
    static constexpr std::size_t capacity = 64u << 10;

    std::vector<char> bytes;
    std::size_t begin = 0;  // [begin, end) is received and not parsed yet
    std::size_t end = 0;

    [[nodiscard]] std::string_view unparsed() const noexcept { return {bytes.data() + begin, end - begin}; }

    void allocate() {
        if (bytes.empty()) bytes.resize(capacity);
    }

    // What came in one read with the header section.
    void start_with(std::string_view received) {
        bytes.resize(std::max(capacity, received.size()));
        std::copy(received.begin(), received.end(), bytes.begin());
        begin = 0;
        end = received.size();
    }

    void compact() {
        std::copy(bytes.data() + begin, bytes.data() + end, bytes.data());
        end -= std::exchange(begin, 0);
    }
};

// The next pieces, as views into `buffer`; empty when the content is complete. `parser` has parsed the header section
// and collects pieces in its `content`. The deadline is `stall` after each read, but not after `until`. Errors: the
// socket's, and of beast::http::error where the framing is malformed.
template <class Parser>
Awaitable<Result<Buffers>> read_content(Parser& parser, ContentBuffer& buffer, Socket& socket, Deadline& deadline,
                                        std::chrono::milliseconds stall,
                                        Clock::time_point until = Clock::time_point::max()) {
    namespace http = boost::beast::http;
    parser.content.clear();
    parser.eager(true);
    if (parser.is_done()) co_return Buffers();
    buffer.allocate();
    boost::system::error_code ec;
    for (bool more = buffer.begin == buffer.end;; more = true) {
        if (more) {
            buffer.compact();
            if (buffer.end == buffer.bytes.size()) co_return http::error::bad_chunk;  // a chunk header without end
            deadline.set(std::min(Clock::now() + stall, until));
            const auto [failed, n] = co_await socket.async_read_some(
                asio::buffer(buffer.bytes.data() + buffer.end, buffer.bytes.size() - buffer.end), as_result);
            if (failed == asio::error::eof && parser.need_eof()) {
                parser.put_eof(ec);
                if (ec) co_return ec;
                co_return Buffers();
            }
            if (failed) co_return failed;
            buffer.end += n;
        }
        // Beast takes the last chunk only together with the end of the trailer section, and asserts five bytes.
        if (parser.chunked() && buffer.unparsed().size() < 5 && buffer.unparsed().starts_with("0\r\n")) continue;
        buffer.begin += parser.put(asio::buffer(buffer.bytes.data() + buffer.begin, buffer.end - buffer.begin), ec);
        if (ec && ec != http::error::need_more) co_return ec;
        if (!parser.content.empty() || parser.is_done()) co_return Buffers(parser.content);
        if (parser.chunked() && ends_in_quotes(buffer.unparsed())) co_return http::error::bad_chunk_extension;
    }
}

}  // namespace proxy::upstream
