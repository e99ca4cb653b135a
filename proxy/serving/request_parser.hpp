#pragma once
// One request from a client, parsed in place, strictly: where leniency would let two readers see two messages, it is
// refused. RFC 9112.

#include <boost/asio/buffer.hpp>
#include <boost/beast/http/basic_parser.hpp>
#include <optional>
#include <vector>

#include "proxy/config/config.hpp"
#include "proxy/observe/limits.hpp"
#include "proxy/rules/message.hpp"

namespace proxy::serving {

namespace beast = boost::beast;
namespace http = boost::beast::http;

// An answer of ours to a request that goes no further; the connection is closed behind it.
struct Refusal {
    unsigned status;
    std::string_view reason;                   // for people; static
    std::optional<observe::Limit> limit = {};  // that the request is beyond
};

class RequestParser final : public http::basic_parser<true> {
 public:
    // `fields` is cleared and filled: its capacity is what spares an allocation per request. `default_authority`: of an
    // HTTP/1.0 request without Host, RFC 9112 §3.3. All outlive the parser.
    RequestParser(std::vector<rules::Field>& fields, const LimitsConfig& limits, std::string_view default_authority);

    // `head`: a whole header section, final empty line included; must outlive header(). Says what is wrong with it.
    [[nodiscard]] std::optional<Refusal> parse(std::string_view head);

    [[nodiscard]] const rules::RequestHeader& header() const noexcept { return header_; }
    [[nodiscard]] bool wants_keep_alive() const noexcept { return wants_keep_alive_; }
    [[nodiscard]] bool has_content() const noexcept { return has_content_; }
    [[nodiscard]] bool expects_continue() const noexcept { return expects_continue_; }

    // The content found by the last put(), as views into its buffer.
    std::vector<boost::asio::const_buffer> content;

 private:
    void on_request_impl(http::verb method, beast::string_view method_text, beast::string_view target, int version,
                         beast::error_code& ec) override;
    void on_response_impl(int, beast::string_view, int, beast::error_code&) override {}
    void on_field_impl(http::field id, beast::string_view name, beast::string_view value,
                       beast::error_code& ec) override;
    void on_header_impl(beast::error_code&) override { in_trailers_ = true; }
    void on_body_init_impl(const boost::optional<std::uint64_t>&, beast::error_code&) override {}
    std::size_t on_body_impl(beast::string_view body, beast::error_code&) override;
    void on_chunk_header_impl(std::uint64_t size, beast::string_view extensions, beast::error_code& ec) override;
    std::size_t on_chunk_body_impl(std::uint64_t, beast::string_view body, beast::error_code&) override;
    void on_finish_impl(beast::error_code&) override {}

    std::optional<Refusal> check_target();
    std::optional<Refusal> check_fields();

    std::vector<rules::Field>& fields_;
    const LimitsConfig& limits_;
    std::string_view default_authority_;
    rules::RequestHeader header_;
    std::optional<Refusal> refusal_;  // found while parsing
    bool has_content_ = false;
    bool in_trailers_ = false;
    std::size_t trailers_ = 0;  // field lines
    bool wants_keep_alive_ = false;
    bool expects_continue_ = false;
};

// What is wrong with the beginning of a header section that is not complete yet, so that nobody waits for an end that
// cannot come. RFC 9112 §2.2, §3
[[nodiscard]] std::optional<Refusal> check_incomplete_head(std::string_view received, const LimitsConfig& limits);

}  // namespace proxy::serving
