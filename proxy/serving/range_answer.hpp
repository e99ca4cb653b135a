#pragma once
// A 206 made of a stored response: one range, or several as multipart/byteranges. RFC 9110 §15.3.7

#include <boost/asio/buffer.hpp>
#include <string>
#include <vector>

#include "proxy/rules/range.hpp"

namespace proxy::serving {

// Appends buffers of `size` bytes of the content that is stored, from `offset` in it on.
void append_content(std::vector<boost::asio::const_buffer>& buffers, const rules::StoredResponse& stored,
                    std::uint64_t offset, std::uint64_t size);

class RangeAnswer {
 public:
    // All ranges are stored (rules::has_content_for). `boundary`: of a multipart answer, such that no origin can
    // have guessed it. `stored` outlives the answer.
    RangeAnswer(const rules::StoredResponse& stored, std::vector<rules::ByteRange> ranges, std::string_view boundary);

    // As StoredResponse::head.
    [[nodiscard]] const std::string& head() const noexcept { return head_; }

    // Refers to this object and to the stored response.
    void append_to(std::vector<boost::asio::const_buffer>& buffers) const;

 private:
    void write_head(std::uint64_t content_length, std::string_view content_type);

    const rules::StoredResponse& stored_;
    std::vector<rules::ByteRange> ranges_;
    std::string head_;
    std::vector<std::string> part_heads_;  // of a multipart answer: what stands before each range
    std::string end_;
};

}  // namespace proxy::serving
