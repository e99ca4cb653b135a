#pragma once
// Pieces of content as the client's framing wants them. RFC 9112 §6, §7.1

#include <boost/asio/buffer.hpp>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/serving/heads.hpp"

namespace proxy::serving {

class ContentFramer {
 public:
    explicit ContentFramer(Framing framing) : chunked_(framing == Framing::chunked) {}

    // `head`, which outlives the next frame, goes before it.
    void put_first(std::string_view head) { head_ = head; }

    // Valid until the next call. `trailers`: these pieces, if any, are the last, and then the trailer section comes
    // where the framing has room for one.
    std::span<asio::const_buffer> frame(upstream::Buffers pieces, const std::optional<std::string>& trailers);

 private:
    bool chunked_;
    std::string_view head_;
    char size_[18];
    std::vector<asio::const_buffer> buffers_;
};

}  // namespace proxy::serving
