#pragma once
// A request exactly as it arrived: a witness must not tidy up what it saw.

#include <boost/beast/http/basic_parser.hpp>
#include <boost/crc.hpp>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace origin_stub {

namespace http = boost::beast::http;

struct FieldLine {
    std::string name;
    std::string value;
    friend bool operator==(const FieldLine&, const FieldLine&) = default;
};

struct Request {
    std::string method;
    std::string target;
    int version = 11;               // 10 or 11
    std::vector<FieldLine> fields;  // in the order and letter case received
    std::vector<FieldLine> trailers;
    bool chunked = false;
    bool keep_alive = true;  // the client's wish
    std::uint64_t body_size = 0;
    std::uint32_t body_crc32 = 0;
    std::string body_start;  // the first 4 KiB

    // The first field line of that name, names compared case-blind; empty where there is none.
    [[nodiscard]] std::string_view value_of(std::string_view name) const noexcept;
};

// Collects a Request; of the body it keeps the size, the checksum and the beginning, however long it is.
class RequestParser final : public http::basic_parser<true> {
 public:
    RequestParser();

    [[nodiscard]] const Request& get() const noexcept { return request_; }

 private:
    using Error = boost::beast::error_code;
    using View = boost::beast::string_view;

    void take_body(View bytes);

    void on_request_impl(http::verb verb, View method, View target, int version, Error&) override;
    void on_response_impl(int, View, int, Error&) override {}
    void on_field_impl(http::field, View name, View value, Error&) override;
    void on_header_impl(Error&) override;
    void on_body_init_impl(const boost::optional<std::uint64_t>&, Error&) override {}
    std::size_t on_body_impl(View body, Error&) override;
    void on_chunk_header_impl(std::uint64_t, View, Error&) override {}
    std::size_t on_chunk_body_impl(std::uint64_t remain, View body, Error&) override;
    void on_finish_impl(Error&) override {}

    Request request_;
    boost::crc_32_type crc_;
    bool header_done_ = false;
};

}  // namespace origin_stub
