#include "proxy/serving/content_framer.hpp"

#include <charconv>

namespace proxy::serving {

std::span<asio::const_buffer> ContentFramer::frame(upstream::Buffers pieces, const std::string& trailers) {
    buffers_.assign(pieces.begin(), pieces.end());
    if (chunked_) {
        if (pieces.empty()) buffers_.push_back(asio::buffer(trailers));
        const auto end = std::to_chars(size_, size_ + 16, asio::buffer_size(pieces), 16).ptr;
        end[0] = '\r';
        end[1] = '\n';
        buffers_.insert(buffers_.begin(), asio::const_buffer(size_, static_cast<std::size_t>(end + 2 - size_)));
        buffers_.push_back(asio::buffer("\r\n", 2));
    }
    return buffers_;
}

}  // namespace proxy::serving
