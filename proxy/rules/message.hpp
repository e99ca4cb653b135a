#pragma once
// The header sections of a request and of a response, as views. Whoever made one keeps the bytes alive.

#include <boost/beast/http/verb.hpp>

#include "proxy/rules/fields.hpp"

namespace proxy::rules {

struct RequestHeader {
    http::verb method = http::verb::unknown;  // unknown: see method_text
    std::string_view method_text;
    std::string_view scheme = "http";
    std::string_view authority;  // of the target in absolute form, else of Host; as received. RFC 9112 §3.2.2
    std::string_view target;     // origin form: path and query as received. RFC 9112 §3.2.1
    unsigned version = 11;       // 10 or 11
    Fields fields;
};

struct ResponseHeader {
    unsigned status = 0;
    std::string_view reason;
    unsigned version = 11;
    Fields fields;
};

// The host of an authority, without its port. An IPv6 address keeps its brackets. RFC 3986 §3.2
[[nodiscard]] constexpr std::string_view host_of(std::string_view authority) noexcept {
    const std::size_t from = authority.starts_with('[') ? authority.find(']') : 0;
    return authority.substr(0, authority.find(':', from == authority.npos ? 0 : from));
}

// The request methods defined as safe. RFC 9110 §9.2.1.
[[nodiscard]] constexpr bool is_safe(http::verb method) noexcept {
    return method == http::verb::get || method == http::verb::head || method == http::verb::options ||
           method == http::verb::trace;
}

// May be sent again when a connection dies before answering. RFC 9110 §9.2.2.
[[nodiscard]] constexpr bool is_idempotent(http::verb method) noexcept {
    return is_safe(method) || method == http::verb::put || method == http::verb::delete_;
}

// The answers instead of which a stale response may be served. RFC 5861 §4
[[nodiscard]] constexpr bool is_server_failure(unsigned status) noexcept {
    return status == 500 || status == 502 || status == 503 || status == 504;
}

// Whether a final response has content at all, whatever its fields say. RFC 9112 §6.3.
[[nodiscard]] constexpr bool has_content(http::verb method, unsigned status) noexcept {
    return method != http::verb::head && status >= 200 && status != 204 && status != 304;
}

}  // namespace proxy::rules
