#pragma once
// Pieces of content as the client's framing wants them. RFC 9112 §6, §7.1

#include <boost/asio/buffer.hpp>
#include <span>
#include <string>
#include <vector>

#include "proxy/serving/heads.hpp"

namespace proxy::serving {

class ContentFramer {
 public:
    explicit ContentFramer(Framing framing) : chunked_(framing == Framing::chunked) {}

    // Valid until the next call. No pieces: the end, with the trailer section where the framing has room for one.
    std::span<asio::const_buffer> frame(upstream::Buffers pieces, const std::string& trailers);

 private:
    bool chunked_;
    char size_[18];
    std::vector<asio::const_buffer> buffers_;
};

}  // namespace proxy::serving
