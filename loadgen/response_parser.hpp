#pragma once
// Of a response only its status and what caches say of it.

#include <boost/beast/core/string.hpp>
#include <boost/beast/http/basic_parser.hpp>
#include <cstdint>
#include <string>

namespace loadgen {

namespace http = boost::beast::http;

class ResponseParser final : public http::basic_parser<false> {
 public:
    ResponseParser() {
        header_limit(256 * 1024);
        body_limit(boost::none);
    }

    [[nodiscard]] unsigned status() const noexcept { return status_; }
    [[nodiscard]] const std::string& cache_status() const noexcept { return cache_status_; }  // the last line's value
    [[nodiscard]] const std::string& x_cache() const noexcept { return x_cache_; }

 private:
    using Error = boost::beast::error_code;
    using View = boost::beast::string_view;

    void on_request_impl(http::verb, View, View, int, Error&) override {}
    void on_response_impl(int status, View, int, Error&) override { status_ = static_cast<unsigned>(status); }
    void on_field_impl(http::field, View name, View value, Error&) override {
        if (boost::beast::iequals(name, "Cache-Status")) cache_status_ = value;
        if (boost::beast::iequals(name, "X-Cache")) x_cache_ = value;
    }
    void on_header_impl(Error&) override {}
    void on_body_init_impl(const boost::optional<std::uint64_t>&, Error&) override {}
    std::size_t on_body_impl(View body, Error&) override { return body.size(); }
    void on_chunk_header_impl(std::uint64_t, View, Error&) override {}
    std::size_t on_chunk_body_impl(std::uint64_t, View body, Error&) override { return body.size(); }
    void on_finish_impl(Error&) override {}

    unsigned status_ = 0;
    std::string cache_status_;
    std::string x_cache_;
};

}  // namespace loadgen
