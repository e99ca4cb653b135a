#include "proxy/rules/uri.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <functional>

namespace proxy::rules {
namespace {

// A set of octets, looked up for each one of a host: every request has one.
class Octets {
 public:
    template <class Contains>
    explicit constexpr Octets(Contains contains) {
        for (unsigned c = 0; c < 256; ++c) has_[c] = contains(static_cast<unsigned char>(c));
    }
    constexpr bool operator()(char c) const noexcept { return has_[static_cast<unsigned char>(c)]; }

 private:
    std::array<bool, 256> has_{};
};

constexpr bool is_one_of(std::string_view set, unsigned char c) noexcept {
    return set.find(static_cast<char>(c)) != set.npos;
}

void append_authority(std::string& out, std::string_view authority) {
    static constexpr Octets plain([](unsigned char c) { return c > 0x20 && c < 0x7f && !is_one_of("/?#@%\\", c); });
    if (std::ranges::all_of(authority, std::cref(plain))) return append_lower(out, authority);
    for (const char c : authority) {
        if (plain(c))
            out += to_lower(c);
        else
            append_percent_encoded(out, c);
    }
}

// RFC 3986 §5.2.4. `path` begins with a slash.
std::string without_dot_segments(std::string_view path) {
    std::string out;
    while (!path.empty()) {
        const std::string_view segment = path.substr(0, path.find('/', 1));
        path.remove_prefix(segment.size());
        if (segment != "/." && segment != "/..") {
            out += segment;
            continue;
        }
        if (segment == "/.." && !out.empty()) out.resize(out.rfind('/'));
        if (path.empty()) out += '/';
    }
    return out;
}

// "http" of "http://...", or nothing. RFC 3986 §3.1
std::string_view scheme_of(std::string_view reference) noexcept {
    const std::size_t end = reference.find_first_of(":/?#");
    return end == reference.npos || reference[end] != ':' ? std::string_view{} : reference.substr(0, end);
}

constexpr bool is_unreserved(unsigned char c) noexcept {
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '-' || c == '.' ||
           c == '_' || c == '~';
}

// The octet that two hexadecimal digits mean; empty where they are none.
std::optional<unsigned char> octet_from(std::string_view digits) noexcept {
    unsigned char octet = 0;
    const auto [end, ec] = std::from_chars(digits.data(), digits.data() + digits.size(), octet, 16);
    if (digits.size() != 2 || ec != std::errc() || end != digits.data() + 2) return {};
    return octet;
}

bool is_ipv6_address(std::string_view text) noexcept {
    char copy[INET6_ADDRSTRLEN] = {};
    if (text.size() >= sizeof copy) return false;
    std::copy(text.begin(), text.end(), copy);
    in6_addr address;
    return ::inet_pton(AF_INET6, copy, &address) == 1;
}

// RFC 3986 §3.2.2, but for the comma: a list of hosts is none.
bool is_registered_name(std::string_view text) noexcept {
    static constexpr Octets plain([](unsigned char c) { return is_unreserved(c) || is_one_of("!$&'()*+;=", c); });
    for (std::size_t i = 0; i < text.size(); ++i)
        if (!plain(text[i]) && !(text[i] == '%' && octet_from(text.substr(i + 1, 2)))) return false;
    return !text.empty();
}

bool is_port(std::string_view text) noexcept {
    std::uint16_t port = 0;
    const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), port);
    return text.empty() || (ec == std::errc() && end == text.data() + text.size());
}

}  // namespace

bool is_authority(std::string_view text) noexcept {
    std::string_view rest;
    if (text.starts_with('[')) {
        const std::size_t end = text.find(']');
        if (end == text.npos || !is_ipv6_address(text.substr(1, end - 1))) return false;
        rest = text.substr(end + 1);
    } else {
        const std::string_view host = text.substr(0, text.find(':'));
        if (!is_registered_name(host)) return false;
        rest = text.substr(host.size());
    }
    return rest.empty() || (rest.front() == ':' && is_port(rest.substr(1)));
}

void append_percent_encoded(std::string& out, char c) {
    constexpr std::string_view hex = "0123456789ABCDEF";
    const auto byte = static_cast<unsigned char>(c);
    out += {'%', hex[byte >> 4], hex[byte & 15]};
}

std::string_view without_default_port(std::string_view scheme, std::string_view authority) noexcept {
    const std::string_view default_port = iequals(scheme, "https") ? ":443" : ":80";
    if (authority.ends_with(default_port)) authority.remove_suffix(default_port.size());
    if (authority.ends_with(':')) authority.remove_suffix(1);
    return authority;
}

std::string_view normalised_path(std::string_view path, std::string& buffer) {
    if (!path.starts_with('/') || (path.find('%') == path.npos && path.find("/.") == path.npos)) return path;
    buffer.clear();
    for (std::size_t i = 0; i < path.size(); ++i) {
        if (path[i] != '%') {
            buffer += path[i];
            continue;
        }
        const auto octet = octet_from(path.substr(i + 1, 2));
        if (!octet) return path;  // to decode the others could make this one an escape
        if (is_unreserved(*octet))
            buffer += static_cast<char>(*octet);
        else
            append_percent_encoded(buffer, static_cast<char>(*octet));
        i += 2;
    }
    return buffer = without_dot_segments(buffer);
}

void append_origin(std::string& out, std::string_view scheme, std::string_view authority) {
    append_lower(out, scheme);
    out += "://";
    append_authority(out, without_default_port(scheme, authority));
}

std::optional<std::string> same_origin_target(const RequestHeader& request, std::string_view reference) {
    reference = reference.substr(0, reference.find('#'));
    if (reference.empty()) return {};
    if (const std::string_view scheme = scheme_of(reference); !scheme.empty()) {
        if (!iequals(scheme, request.scheme)) return {};
        reference.remove_prefix(scheme.size() + 1);
        if (!reference.starts_with("//")) return {};
    }

    const std::string_view base = request.target.substr(0, request.target.find('?'));
    std::string target;
    if (reference.starts_with("//")) {
        reference.remove_prefix(2);
        const std::string_view authority = reference.substr(0, reference.find_first_of("/?"));
        reference.remove_prefix(authority.size());
        std::string theirs, ours;
        append_origin(theirs, request.scheme, authority);
        append_origin(ours, request.scheme, request.authority);
        if (theirs != ours) return {};
        if (!reference.starts_with('/')) target = '/';
    } else if (reference.starts_with('?')) {
        target = base;
    } else if (!reference.starts_with('/')) {
        target = base.substr(0, base.rfind('/') + 1);
    }
    target += reference;

    const std::size_t query = std::min(target.find('?'), target.size());
    return without_dot_segments(std::string_view{target}.substr(0, query)) + target.substr(query);
}

}  // namespace proxy::rules
