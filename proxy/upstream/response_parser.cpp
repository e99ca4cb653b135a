#include "proxy/upstream/response_parser.hpp"

#include <boost/beast/http/error.hpp>

#include "proxy/rules/lines.hpp"
#include "proxy/upstream/chunks.hpp"

namespace proxy::upstream {
namespace {

std::string_view view(beast::string_view text) { return {text.data(), text.size()}; }

// Not what frames or routes a message, authenticates it, or says how to read its content or to cache it.
// RFC 9110 §6.5.1
bool may_be_trailer(http::field id) {
    switch (id) {
        case http::field::age:
        case http::field::authorization:
        case http::field::cache_control:
        case http::field::content_encoding:
        case http::field::content_language:
        case http::field::content_location:
        case http::field::content_length:
        case http::field::content_range:
        case http::field::content_type:
        case http::field::date:
        case http::field::etag:
        case http::field::expires:
        case http::field::host:
        case http::field::last_modified:
        case http::field::location:
        case http::field::pragma:
        case http::field::set_cookie:
        case http::field::trailer:
        case http::field::vary:
        case http::field::www_authenticate: return false;
        default: return true;
    }
}

}  // namespace

ResponseParser::ResponseParser(std::string_view head, std::size_t max_fields, bool to_head_request)
    : head_(head), max_fields_(max_fields) {
    header_limit(static_cast<std::uint32_t>(head.size()));
    body_limit(boost::none);
    eager(false);
    skip(to_head_request);
    fields_.reserve(16);
}

void ResponseParser::on_response_impl(int status, beast::string_view reason, int version, beast::error_code& ec) {
    if (status < 100) ec = http::error::bad_status;
    if (rules::line_fault(head_) != rules::LineFault::none) ec = http::error::bad_line_ending;
    header_.status = static_cast<unsigned>(status);
    header_.reason = view(reason);
    header_.version = static_cast<unsigned>(version);
}

void ResponseParser::on_field_impl(http::field id, beast::string_view name, beast::string_view value,
                                   beast::error_code& ec) {
    if (in_trailers_) {
        const rules::Field field{id, view(name), view(value)};
        if (++trailer_count_ > max_fields_) ec = http::error::header_limit;
        if (!hop_by_hop_) hop_by_hop_.emplace(fields_);
        if (may_be_trailer(id) && !hop_by_hop_->contain(field)) rules::append_field(trailers_, field.name, field.value);
        return;
    }
    if (fields_.size() == max_fields_) {
        ec = http::error::header_limit;
        return;
    }
    // Any other transfer coding would have to be decoded to know where the content ends. RFC 9112 §6.3
    if (id == http::field::transfer_encoding && !rules::iequals(view(value), "chunked")) {
        ec = http::error::bad_transfer_encoding;
        return;
    }
    fields_.push_back({id, view(name), view(value)});
}

void ResponseParser::on_header_impl(beast::error_code& ec) {
    header_.fields = fields_;
    in_trailers_ = true;
    // HTTP/1.0 knows no transfer codings: the framing is in doubt. RFC 9112 §6.1
    if (header_.version == 10 && rules::has(fields_, http::field::transfer_encoding))
        ec = http::error::bad_transfer_encoding;
}

std::size_t ResponseParser::on_body_impl(beast::string_view body, beast::error_code&) {
    if (!body.empty()) content.emplace_back(body.data(), body.size());
    return body.size();
}

void ResponseParser::on_chunk_header_impl(std::uint64_t size, beast::string_view extensions, beast::error_code& ec) {
    if (!is_sound_chunk(size, view(extensions))) ec = http::error::bad_chunk;
}

std::size_t ResponseParser::on_chunk_body_impl(std::uint64_t, beast::string_view body, beast::error_code&) {
    if (!body.empty()) content.emplace_back(body.data(), body.size());
    return body.size();
}

bool is_hopeless(std::string_view received) noexcept {
    constexpr std::string_view protocol = "HTTP/1.";
    return !received.starts_with(protocol.substr(0, received.size())) ||
           rules::line_fault(received) != rules::LineFault::none;
}

}  // namespace proxy::upstream
