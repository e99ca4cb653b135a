#include "origin-stub/request.hpp"

#include <algorithm>
#include <boost/beast/core/string.hpp>

namespace origin_stub {

namespace {
constexpr std::size_t kept_of_body = 4096;
}

std::string_view Request::value_of(std::string_view name) const noexcept {
    for (const FieldLine& field : fields)
        if (boost::beast::iequals(field.name, name)) return field.value;
    return {};
}

RequestParser::RequestParser() {
    header_limit(256 * 1024);
    body_limit(boost::none);
}

void RequestParser::take_body(View bytes) {
    request_.body_size += bytes.size();
    crc_.process_bytes(bytes.data(), bytes.size());
    request_.body_crc32 = crc_.checksum();
    request_.body_start.append(bytes.data(), std::min(bytes.size(), kept_of_body - request_.body_start.size()));
}

void RequestParser::on_request_impl(http::verb, View method, View target, int version, Error&) {
    request_.method = method;
    request_.target = target;
    request_.version = version;
}

void RequestParser::on_field_impl(http::field, View name, View value, Error&) {
    auto& lines = header_done_ ? request_.trailers : request_.fields;
    lines.push_back({std::string(name), std::string(value)});
}

void RequestParser::on_header_impl(Error&) {
    header_done_ = true;
    request_.chunked = chunked();
    request_.keep_alive = keep_alive();
}

std::size_t RequestParser::on_body_impl(View body, Error&) {
    take_body(body);
    return body.size();
}

std::size_t RequestParser::on_chunk_body_impl(std::uint64_t, View body, Error&) {
    take_body(body);
    return body.size();
}

}  // namespace origin_stub
