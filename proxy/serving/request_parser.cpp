#include "proxy/serving/request_parser.hpp"

#include <algorithm>
#include <boost/beast/http/error.hpp>

namespace proxy::serving {
namespace {

std::string_view view(beast::string_view text) { return {text.data(), text.size()}; }

constexpr Refusal bad_line_ending{400, "bare CR or LF in the header section"};
constexpr Refusal folded_line{400, "folded header field"};
constexpr Refusal bad_request_line{400, "malformed request line"};
constexpr Refusal bad_version{505, "not HTTP/1.0 or HTTP/1.1"};
constexpr std::size_t max_method_size = 64;
constexpr Refusal method_too_long{501, "method too long"};  // RFC 9112 §3
constexpr Refusal target_too_long{414, "request target too long", observe::Limit::max_target_size};
constexpr Refusal header_too_large{431, "header section too large", observe::Limit::max_header_size};

// A CR or LF that is not part of CRLF, RFC 9112 §2.2; a line that continues the one before, §5.2.
std::optional<Refusal> check_line_ends(std::string_view text) {
    for (std::size_t i = text.find('\n'); i != text.npos; i = text.find('\n', i + 1)) {
        if (i == 0 || text[i - 1] != '\r') return bad_line_ending;
        if (i + 1 < text.size() && (text[i + 1] == ' ' || text[i + 1] == '\t')) return folded_line;
    }
    for (std::size_t i = text.find('\r'); i != text.npos; i = text.find('\r', i + 1))
        if (i + 1 < text.size() && text[i + 1] != '\n') return bad_line_ending;
    return std::nullopt;
}

// host [":" port], RFC 9110 §7.2. Reserved characters that could end an authority elsewhere are refused.
bool is_authority(std::string_view text) {
    if (text.empty()) return false;
    std::string_view port;
    if (text.front() == '[') {
        const std::size_t end = text.find(']');
        if (end == text.npos || end == 1) return false;
        const std::string_view address = text.substr(1, end - 1);
        if (address.find_first_not_of("0123456789abcdefABCDEF:.") != address.npos) return false;
        text.remove_prefix(end + 1);
        if (!text.empty() && text.front() != ':') return false;
        port = text.empty() ? text : text.substr(1);
    } else {
        const std::size_t colon = text.find(':');
        const std::string_view host = text.substr(0, colon);
        if (colon != text.npos) port = text.substr(colon + 1);
        const auto is_host_character = [](unsigned char c) {
            return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                   std::string_view("-._~!$&'()*+;=%").find(static_cast<char>(c)) != std::string_view::npos;
        };
        if (host.empty() || !std::all_of(host.begin(), host.end(), is_host_character)) return false;
    }
    return port.size() <= 5 && port.find_first_not_of("0123456789") == port.npos;
}

Refusal refusal_for(boost::system::error_code ec) {
    if (ec == http::error::bad_version) return bad_version;
    if (ec == http::error::header_limit) return header_too_large;
    if (ec == http::error::bad_method) return {400, "malformed method"};
    if (ec == http::error::bad_target) return {400, "malformed request target"};
    if (ec == http::error::bad_content_length || ec == http::error::multiple_content_length)
        return {400, "invalid or conflicting Content-Length"};
    if (ec == http::error::bad_transfer_encoding) return {400, "conflicting message framing"};
    return {400, "malformed header field"};
}

}  // namespace

RequestParser::RequestParser(std::vector<rules::Field>& fields, const LimitsConfig& limits,
                             std::string_view default_authority)
    : fields_(fields), limits_(limits), default_authority_(default_authority) {
    fields_.clear();
    body_limit(boost::none);
    eager(false);
}

std::optional<Refusal> RequestParser::parse(std::string_view head) {
    if (auto refused = check_line_ends(head)) return refused;
    header_limit(static_cast<std::uint32_t>(head.size()));
    boost::system::error_code ec;
    put(boost::asio::buffer(head.data(), head.size()), ec);
    if (refusal_) return refusal_;
    if (ec == http::error::bad_version) {
        const std::string_view line = head.substr(0, head.find("\r\n"));
        const bool three_parts = std::count(line.begin(), line.end(), ' ') == 2;
        return three_parts && line.find(" HTTP/") != line.npos ? bad_version : bad_request_line;
    }
    if (ec) return refusal_for(ec);
    if (!is_header_done()) return bad_request_line;
    header_.fields = fields_;
    has_content_ = !is_done();
    if (auto refused = check_target()) return refused;
    return check_fields();
}

void RequestParser::on_request_impl(http::verb method, beast::string_view method_text, beast::string_view target,
                                    int version, beast::error_code& ec) {
    header_.method = method;
    header_.method_text = view(method_text);
    header_.target = view(target);
    header_.version = static_cast<unsigned>(version);
    if (method_text.size() > max_method_size) {
        refusal_ = method_too_long;
        ec = http::error::bad_method;
    } else if (target.size() > limits_.max_target_size) {
        refusal_ = target_too_long;
        ec = http::error::bad_target;
    }
}

void RequestParser::on_field_impl(http::field id, beast::string_view name, beast::string_view value,
                                  beast::error_code& ec) {
    if (in_trailers_) return;  // discarded: never merged into the header section. RFC 9110 §6.5.1
    if (fields_.size() == limits_.max_header_fields) {
        refusal_ = {431, "too many header fields", observe::Limit::max_header_fields};
        ec = http::error::header_limit;
        return;
    }
    fields_.push_back({id, view(name), view(value)});
}

// RFC 9112 §3.2
std::optional<Refusal> RequestParser::check_target() {
    std::string_view& target = header_.target;
    if (header_.method == http::verb::connect) return Refusal{405, "CONNECT is not supported"};
    if (header_.method == http::verb::trace) return Refusal{405, "TRACE is not supported"};
    if (target.find('#') != target.npos) return Refusal{400, "fragment in the request target"};
    if (target == "*") {
        if (header_.method == http::verb::options) return std::nullopt;
        return Refusal{400, "asterisk-form is for OPTIONS only"};
    }
    if (target.starts_with('/')) return std::nullopt;
    constexpr std::string_view scheme = "http://";  // absolute-form: its authority replaces Host. RFC 9112 §3.2.2
    if (target.size() <= scheme.size() || !rules::iequals(target.substr(0, scheme.size()), scheme))
        return Refusal{400, "malformed request target"};
    target.remove_prefix(scheme.size());
    const std::size_t end = target.find_first_of("/?");
    header_.authority = target.substr(0, end);
    if (!is_authority(header_.authority)) return Refusal{400, "malformed authority"};
    if (end == target.npos) {
        target = header_.method == http::verb::options ? "*" : "/";  // RFC 9112 §3.2.4
    } else if (target[end] == '?') {
        return Refusal{400, "malformed request target"};  // a path cannot be added in place
    } else {
        target.remove_prefix(end);
    }
    return std::nullopt;
}

std::optional<Refusal> RequestParser::check_fields() {
    const rules::Field* host = nullptr;
    for (const rules::Field& field : fields_) {
        switch (field.id) {
            case http::field::host:
                if (host) return Refusal{400, "more than one Host"};
                host = &field;
                break;
            case http::field::transfer_encoding:
                // HTTP/1.0 knows none; any but chunked leaves the end of the content in doubt. RFC 9112 §6.1
                if (header_.version == 10) return Refusal{400, "Transfer-Encoding in HTTP/1.0"};
                if (!rules::iequals(field.value, "chunked")) return Refusal{501, "unknown transfer coding"};
                break;
            case http::field::expect:
                if (!rules::iequals(field.value, "100-continue")) return Refusal{417, "unknown expectation"};
                expects_continue_ = header_.version == 11;
                break;
            default: break;
        }
    }
    if (host && !is_authority(host->value)) return Refusal{400, "malformed Host"};
    if (!host && header_.version == 11) return Refusal{400, "no Host"};
    if (header_.authority.empty()) header_.authority = host ? host->value : default_authority_;
    if (content_length_remaining().value_or(0) > limits_.max_request_body)
        return Refusal{413, "content too large", observe::Limit::max_request_body};
    return std::nullopt;
}

std::size_t RequestParser::on_body_impl(beast::string_view body, beast::error_code&) {
    if (!body.empty()) content.emplace_back(body.data(), body.size());
    return body.size();
}

std::size_t RequestParser::on_chunk_body_impl(std::uint64_t, beast::string_view body, beast::error_code&) {
    if (!body.empty()) content.emplace_back(body.data(), body.size());
    return body.size();
}

std::optional<Refusal> check_incomplete_head(std::string_view received, const LimitsConfig& limits) {
    if (auto refused = check_line_ends(received)) return refused;
    const std::size_t line_end = received.find("\r\n");
    const std::string_view line = received.substr(0, line_end);
    // The method is a token, and what is no HTTP at all (TLS, another protocol) shows in its first bytes.
    const std::string_view method = line.substr(0, line.find(' '));
    const auto is_letter = [](unsigned char c) { return c > 0x20 && c < 0x7f; };
    if (!std::all_of(method.begin(), method.end(), is_letter)) return bad_request_line;
    if (method.size() > max_method_size) return method_too_long;
    if (line_end == received.npos) {
        if (received.size() > limits.max_target_size + 128) return target_too_long;
    } else {
        const std::size_t version = line.rfind(' ');
        if (version == line.npos || !line.substr(version + 1).starts_with("HTTP/")) return bad_request_line;
        if (!line.substr(version + 1).starts_with("HTTP/1.")) return bad_version;
    }
    if (received.size() >= limits.max_header_size) return header_too_large;
    return std::nullopt;
}

}  // namespace proxy::serving
