#include "proxy/serving/content_framer.hpp"

#include <charconv>
#include <utility>

namespace proxy::serving {

std::span<asio::const_buffer> ContentFramer::frame(upstream::Buffers pieces,
                                                   const std::optional<std::string>& trailers) {
    buffers_.clear();
    if (!head_.empty()) buffers_.push_back(asio::buffer(std::exchange(head_, {})));
    if (chunked_ && !pieces.empty()) {
        const auto end = std::to_chars(size_, size_ + 16, asio::buffer_size(pieces), 16).ptr;
        end[0] = '\r';
        end[1] = '\n';
        buffers_.emplace_back(size_, static_cast<std::size_t>(end + 2 - size_));
    }
    buffers_.insert(buffers_.end(), pieces.begin(), pieces.end());
    if (chunked_ && !pieces.empty()) buffers_.push_back(asio::buffer("\r\n", 2));
    if (chunked_ && trailers) {
        buffers_.push_back(asio::buffer("0\r\n", 3));
        buffers_.push_back(asio::buffer(*trailers));
        buffers_.push_back(asio::buffer("\r\n", 2));
    }
    return buffers_;
}

}  // namespace proxy::serving
