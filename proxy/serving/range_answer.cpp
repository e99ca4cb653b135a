#include "proxy/serving/range_answer.hpp"

#include "proxy/rules/partial.hpp"
#include "proxy/rules/stored_head.hpp"

namespace proxy::serving {
namespace {

namespace asio = boost::asio;
namespace http = rules::http;

std::string content_range(rules::ByteRange range, std::uint64_t complete_length) {
    return "bytes " + std::to_string(range.first) + '-' + std::to_string(range.last) + '/' +
           std::to_string(complete_length);
}

// Of the whole content, and so untrue of a part. RFC 9530 §2
bool describes_content(const rules::Field& field) {
    return field.id == http::field::content_length || field.id == http::field::content_md5 ||
           rules::iequals(field.name, "Content-Digest");
}

}  // namespace

void append_content(std::vector<asio::const_buffer>& buffers, const rules::StoredResponse& stored, std::uint64_t offset,
                    std::uint64_t size) {
    rules::for_each_piece(stored, offset, size,
                          [&buffers](std::string_view piece) { buffers.emplace_back(piece.data(), piece.size()); });
}

RangeAnswer::RangeAnswer(const rules::StoredResponse& stored, std::vector<rules::ByteRange> ranges,
                         std::string_view boundary)
    : stored_(stored), ranges_(std::move(ranges)) {
    if (ranges_.size() == 1) {
        write_head(ranges_.front().size(), {});
        rules::append_field(head_, "Content-Range", content_range(ranges_.front(), stored_.complete_length()));
        return;
    }
    const std::string_view content_type = rules::field_in(stored_.head(), "Content-Type");
    end_.append("\r\n--").append(boundary).append("--\r\n");
    std::uint64_t size = end_.size();
    for (const rules::ByteRange& range : ranges_) {
        std::string& part = part_heads_.emplace_back("\r\n--");
        part.append(boundary).append("\r\n");
        if (!content_type.empty()) rules::append_field(part, "Content-Type", content_type);
        rules::append_field(part, "Content-Range", content_range(range, stored_.complete_length()));
        part += "\r\n";
        size += part.size() + range.size();
    }
    write_head(size, "multipart/byteranges; boundary=" + std::string(boundary));
}

void RangeAnswer::write_head(std::uint64_t content_length, std::string_view content_type) {
    head_ = "HTTP/1.1 206 Partial Content\r\n";
    for (const rules::Field& field : rules::fields_of(stored_.head())) {
        const bool replaced = field.id == http::field::content_type && !content_type.empty();
        if (!replaced && !describes_content(field)) rules::append_field(head_, field.name, field.value);
    }
    if (!content_type.empty()) rules::append_field(head_, "Content-Type", content_type);
    rules::append_field(head_, "Content-Length", std::to_string(content_length));
}

void RangeAnswer::append_to(std::vector<asio::const_buffer>& buffers) const {
    for (std::size_t i = 0; i < ranges_.size(); ++i) {
        if (!part_heads_.empty()) buffers.push_back(asio::buffer(part_heads_[i]));
        append_content(buffers, stored_, rules::offset_in_body(stored_, ranges_[i]), ranges_[i].size());
    }
    if (!end_.empty()) buffers.push_back(asio::buffer(end_));
}

}  // namespace proxy::serving
