#pragma once
// One response from the origin, parsed in place: header fields and content are views into the reader's buffers.

#include <boost/asio/buffer.hpp>
#include <boost/beast/http/basic_parser.hpp>
#include <optional>
#include <vector>

#include "proxy/rules/fields.hpp"
#include "proxy/rules/message.hpp"

namespace proxy::upstream {

namespace beast = boost::beast;
namespace http = boost::beast::http;

class ResponseParser final : public http::basic_parser<false> {
 public:
    // `head`: the header section that will be parsed, final empty line included; `max_fields`: lines of it, and of the
    // trailer section.
    ResponseParser(std::string_view head, std::size_t max_fields, bool to_head_request);

    // Valid once is_header_done(), as long as the bytes it was parsed from.
    [[nodiscard]] const rules::ResponseHeader& header() const noexcept { return header_; }

    // Field lines of the trailer section that may be passed on, as soon as the content is complete. They are never
    // merged into the header section. RFC 9110 §6.5
    [[nodiscard]] const std::string& trailers() const noexcept { return trailers_; }

    // The content found by the last put(), as views into its buffer; cleared by the next.
    std::vector<boost::asio::const_buffer> content;

 private:
    void on_request_impl(http::verb, beast::string_view, beast::string_view, int, beast::error_code&) override {}
    void on_response_impl(int status, beast::string_view reason, int version, beast::error_code& ec) override;
    void on_field_impl(http::field id, beast::string_view name, beast::string_view value,
                       beast::error_code& ec) override;
    void on_header_impl(beast::error_code& ec) override;
    void on_body_init_impl(const boost::optional<std::uint64_t>&, beast::error_code&) override {}
    std::size_t on_body_impl(beast::string_view body, beast::error_code&) override;
    void on_chunk_header_impl(std::uint64_t size, beast::string_view extensions, beast::error_code& ec) override;
    std::size_t on_chunk_body_impl(std::uint64_t, beast::string_view body, beast::error_code&) override;
    void on_finish_impl(beast::error_code&) override {}

    const std::string_view head_;
    const std::size_t max_fields_;
    std::vector<rules::Field> fields_;
    rules::ResponseHeader header_;
    bool in_trailers_ = false;
    std::size_t trailer_count_ = 0;
    std::optional<rules::HopByHopFields> hop_by_hop_;  // of the header section, once there are trailers
    std::string trailers_;
};

// What cannot become a response's header section, so that nobody waits for an end that cannot come. RFC 9112 §2.2, §4
[[nodiscard]] bool is_hopeless(std::string_view received) noexcept;

}  // namespace proxy::upstream
