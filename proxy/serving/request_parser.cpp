#include "proxy/serving/request_parser.hpp"

#include <algorithm>
#include <boost/beast/http/error.hpp>

#include "proxy/rules/lines.hpp"
#include "proxy/rules/uri.hpp"
#include "proxy/upstream/chunks.hpp"

namespace proxy::serving {
namespace {

std::string_view view(beast::string_view text) { return {text.data(), text.size()}; }

constexpr Refusal bad_request_line{400, "malformed request line"};
constexpr Refusal bad_version{505, "not HTTP/1.0 or HTTP/1.1"};
constexpr std::size_t max_method_size = 64;
constexpr Refusal method_too_long{501, "method too long"};  // RFC 9112 §3
constexpr Refusal target_too_long{414, "request target too long", observe::Limit::max_target_size};
constexpr Refusal header_too_large{431, "header section too large", observe::Limit::max_header_size};

std::optional<Refusal> check_lines(std::string_view head) {
    switch (rules::line_fault(head)) {
        case rules::LineFault::bare_ending: return Refusal{400, "bare CR or LF in the header section"};
        case rules::LineFault::folded: return Refusal{400, "folded header field"};
        case rules::LineFault::none: break;
    }
    return std::nullopt;
}

// What is wrong with a request line that does not end as it should. RFC 9112 §2.3, §3
Refusal wrong_version(std::string_view line) {
    const std::string_view version = line.substr(line.rfind(' ') + 1);
    const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
    const bool names_one = std::count(line.begin(), line.end(), ' ') == 2 && version.size() == 8 &&
                           version.starts_with("HTTP/") && is_digit(version[5]) && version[6] == '.' &&
                           is_digit(version[7]);
    return names_one ? bad_version : bad_request_line;
}

// Any coding but chunked, once, leaves the end of the content in doubt. RFC 9112 §6.1, §6.3
std::optional<Refusal> check_transfer_codings(rules::Fields fields, unsigned version) {
    constexpr Refusal in_doubt{400, "Transfer-Encoding is not chunked"};
    if (version == 10) return Refusal{400, "Transfer-Encoding in HTTP/1.0"};
    const std::string codings = rules::combined(fields, "Transfer-Encoding");
    if (rules::iequals(codings, "chunked")) return std::nullopt;
    std::string_view rest = codings;
    for (std::size_t comma = rest.find(','); comma != rest.npos; comma = rest.find(',')) {
        const std::string_view coding = rules::trim(rest.substr(0, comma));
        if (!rules::is_token(coding) || rules::iequals(coding, "chunked")) return in_doubt;
        rest.remove_prefix(comma + 1);
    }
    return rules::iequals(rules::trim(rest), "chunked") ? Refusal{501, "unknown transfer coding"} : in_doubt;
}

Refusal refusal_for(boost::system::error_code ec) {
    if (ec == http::error::bad_version) return bad_version;
    if (ec == http::error::header_limit) return header_too_large;
    if (ec == http::error::bad_method) return {400, "malformed method"};
    if (ec == http::error::bad_target) return {400, "malformed request target"};
    if (ec == http::error::bad_content_length || ec == http::error::multiple_content_length)
        return {400, "invalid or conflicting Content-Length"};
    if (ec == http::error::bad_transfer_encoding) return {400, "conflicting message framing"};
    if (ec == http::error::body_limit) return {413, "content too large", observe::Limit::max_request_body};
    if (ec == http::error::bad_value) return {400, "malformed field value"};
    return {400, "malformed header field"};
}

}  // namespace

RequestParser::RequestParser(std::vector<rules::Field>& fields, const LimitsConfig& limits,
                             std::string_view default_authority)
    : fields_(fields), limits_(limits), default_authority_(default_authority) {
    fields_.clear();
    body_limit(limits.max_request_body);
    eager(false);
}

std::optional<Refusal> RequestParser::parse(std::string_view head) {
    if (auto refused = check_lines(head)) return refused;
    header_limit(static_cast<std::uint32_t>(head.size()));
    boost::system::error_code ec;
    put(boost::asio::buffer(head.data(), head.size()), ec);
    if (refusal_) return refusal_;
    if (ec == http::error::bad_version) return wrong_version(head.substr(0, head.find("\r\n")));
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
    if (in_trailers_) {  // discarded: never merged into the header section. RFC 9110 §6.5.1
        if (++trailers_ > limits_.max_header_fields) ec = http::error::header_limit;
        return;
    }
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
    if (header_.method == http::verb::trace && has_content_) return Refusal{400, "TRACE with content"};
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
    if (!rules::is_authority(header_.authority)) return Refusal{400, "malformed authority"};
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
    bool has_coding = false, has_connection = false;
    for (const rules::Field& field : fields_) {
        switch (field.id) {
            case http::field::host:
                if (host) return Refusal{400, "more than one Host"};
                host = &field;
                break;
            case http::field::transfer_encoding: has_coding = true; break;
            case http::field::connection: has_connection = true; break;
            case http::field::expect:
                if (!rules::iequals(field.value, "100-continue")) return Refusal{417, "unknown expectation"};
                expects_continue_ = header_.version == 11;
                break;
            default: break;
        }
    }
    if (host && !rules::is_authority(host->value)) return Refusal{400, "malformed Host"};
    if (!host && header_.version == 11) return Refusal{400, "no Host"};
    if (header_.authority.empty()) header_.authority = host ? host->value : default_authority_;
    const auto asks_to = [&](std::string_view option) {
        return has_connection && rules::lists_token(fields_, http::field::connection, option);
    };
    wants_keep_alive_ = !asks_to("close") && (header_.version == 11 || asks_to("keep-alive"));  // RFC 9112 §9.3
    return has_coding ? check_transfer_codings(fields_, header_.version) : std::nullopt;
}

std::size_t RequestParser::on_body_impl(beast::string_view body, beast::error_code&) {
    if (!body.empty()) content.emplace_back(body.data(), body.size());
    return body.size();
}

void RequestParser::on_chunk_header_impl(std::uint64_t size, beast::string_view extensions, beast::error_code& ec) {
    if (!upstream::is_sound_chunk(size, view(extensions))) ec = http::error::bad_chunk;
}

std::size_t RequestParser::on_chunk_body_impl(std::uint64_t, beast::string_view body, beast::error_code&) {
    if (!body.empty()) content.emplace_back(body.data(), body.size());
    return body.size();
}

std::optional<Refusal> check_incomplete_head(std::string_view received, const LimitsConfig& limits) {
    if (auto refused = check_lines(received)) return refused;
    const std::size_t line_end = received.find("\r\n");
    const std::string_view line = received.substr(0, line_end);
    // What is no HTTP at all (TLS, another protocol) shows in its first bytes.
    const std::string_view method = line.substr(0, line.find_first_of(" \r"));
    if (!line.empty() && !rules::is_token(method)) return bad_request_line;
    if (method.size() > max_method_size) return method_too_long;
    if (line_end == received.npos) {
        if (received.size() > limits.max_target_size + 128) return target_too_long;
    } else if (line.rfind(' ') == line.npos || !line.substr(line.rfind(' ') + 1).starts_with("HTTP/1.")) {
        return wrong_version(line);
    }
    if (received.size() >= limits.max_header_size) return header_too_large;
    return std::nullopt;
}

}  // namespace proxy::serving
