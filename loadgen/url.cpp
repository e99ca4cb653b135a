#include "loadgen/url.hpp"

#include <algorithm>
#include <charconv>
#include <cstdint>

namespace loadgen {

namespace {

constexpr std::string_view scheme = "http://";

[[noreturn]] void refuse(std::string_view text, std::string_view reason) {
    throw BadUrl("'" + std::string(text) + "': " + std::string(reason));
}

bool is_port(std::string_view text) {
    std::uint16_t port = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
    return error == std::errc{} && end == text.data() + text.size() && port != 0;
}

// Host and port of `host`, `host:port` or `[address]:port`; false where it is none of them.
bool split_authority(std::string_view authority, Url& url) {
    const bool bracketed = authority.starts_with('[');
    const std::size_t host_end = bracketed ? authority.find(']') : authority.find(':');
    if (bracketed && host_end == std::string_view::npos) return false;
    url.host = bracketed ? authority.substr(1, host_end - 1) : authority.substr(0, host_end);
    std::string_view rest = authority.substr(std::min(authority.size(), bracketed ? host_end + 1 : host_end));
    if (url.host.empty()) return false;
    if (rest.empty()) return true;
    url.port = rest.substr(1);
    return rest.front() == ':' && is_port(url.port);
}

}  // namespace

std::string Url::target(std::string_view key) const {
    std::string text = path;
    text += '/';
    text += key;
    return text += query;
}

Url parse_url(std::string_view text) {
    if (text.starts_with("https://")) refuse(text, "https is not supported, only http");
    if (!text.starts_with(scheme)) refuse(text, "expected a URL like http://localhost:5000/items");
    const auto unprintable = [](char c) { return c <= ' ' || c > '~'; };
    if (std::ranges::any_of(text, unprintable)) refuse(text, "a URL has no spaces or unprintable characters");

    const std::string_view rest = text.substr(scheme.size());
    const std::size_t authority_end = std::min(rest.find_first_of("/?#"), rest.size());
    const std::size_t fragment = std::min(rest.find('#'), rest.size());
    const std::size_t query = std::min(rest.find('?'), fragment);

    Url url;
    url.authority = rest.substr(0, authority_end);
    url.path = rest.substr(authority_end, query - authority_end);
    url.query = rest.substr(query, fragment - query);
    if (url.path.ends_with('/')) url.path.pop_back();
    if (url.authority.find('@') != std::string::npos) refuse(text, "user and password are not supported");
    if (!split_authority(url.authority, url)) refuse(text, "expected http://HOST[:PORT]/PATH");
    return url;
}

}  // namespace loadgen
