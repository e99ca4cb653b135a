#include "proxy/config/values.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <cmath>
#include <limits>
#include <optional>
#include <span>
#include <vector>

#include "proxy/config/problems.hpp"
#include "proxy/rules/uri.hpp"
#include "proxy/utf8.hpp"

namespace proxy::config {
namespace {

using std::string_view;

constexpr string_view endpoint_forms = "expected an address such as 127.0.0.1:8080, [::1]:8080 or :8080";
constexpr string_view redis_forms = "expected redis://[user:password@]host:port/db or unix:///path";

std::string lower(string_view text) {
    std::string result(text);
    std::ranges::transform(result, result.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return result;
}

bool all_digits(string_view text) {
    return !text.empty() && std::ranges::all_of(text, [](unsigned char c) { return std::isdigit(c); });
}

bool only(string_view text, string_view others) {
    return std::ranges::all_of(text, [others](unsigned char c) {
        return std::isalnum(c) || others.find(static_cast<char>(c)) != string_view::npos;
    });
}

bool printable(string_view text) {
    return std::ranges::all_of(text, [](unsigned char c) { return c > 0x20 && c != 0x7f; });
}

std::optional<std::uint64_t> whole_number(string_view text) {
    std::uint64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (text.empty() || error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    return number;
}

struct Unit {
    string_view name;
    std::uint64_t factor;
};

// Largest first: what is written takes the first that divides.
constexpr std::array duration_units{Unit{"d", 86'400'000}, Unit{"h", 3'600'000}, Unit{"m", 60'000}, Unit{"s", 1'000},
                                    Unit{"ms", 1}};
constexpr std::array size_units{Unit{"tib", 1ull << 40},
                                Unit{"gib", 1ull << 30},
                                Unit{"mib", 1ull << 20},
                                Unit{"kib", 1ull << 10},
                                Unit{"t", 1ull << 40},
                                Unit{"g", 1ull << 30},
                                Unit{"m", 1ull << 20},
                                Unit{"k", 1ull << 10},
                                Unit{"gb", 1'000'000'000},
                                Unit{"mb", 1'000'000},
                                Unit{"kb", 1'000},
                                Unit{"b", 1},
                                Unit{"", 1}};

// A whole number and one of `units`, multiplied out; nothing where it is not so written or too large to count.
std::optional<std::uint64_t> measured(string_view text, std::span<const Unit> units) {
    const std::size_t digits = std::min(text.find_first_not_of("0123456789"), text.size());
    const auto number = whole_number(text.substr(0, digits));
    const auto unit = std::ranges::find(units, text.substr(digits), &Unit::name);
    constexpr auto limit = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
    if (!number || unit == units.end() || *number > limit / unit->factor) return std::nullopt;
    return *number * unit->factor;
}

[[noreturn]] void out_of_range(string_view text, const std::string& min, const std::string& max) {
    throw BadValue(in_quotes(text) + " is out of range, expected " + min + " to " + max);
}

std::uint16_t port_from(string_view text, std::uint64_t min) {
    const auto port = whole_number(text);
    if (!port || *port < min || *port > 65'535)
        throw BadValue(in_quotes(text) + " is not a port, expected " + std::to_string(min) + " to 65535");
    return static_cast<std::uint16_t>(*port);
}

struct HostPort {
    string_view host;  // without brackets; empty in ":8080"
    std::optional<string_view> port;
};

std::optional<HostPort> split_host_port(string_view text) {
    HostPort result;
    if (text.starts_with('[')) {
        const std::size_t end = text.find(']');
        if (end == string_view::npos) return std::nullopt;
        result.host = text.substr(1, end - 1);
        if (result.host.find(':') == string_view::npos || !only(result.host, ":.%")) return std::nullopt;
        text.remove_prefix(end + 1);
        if (text.empty()) return result;
        if (!text.starts_with(':')) return std::nullopt;
        result.port = text.substr(1);
        return result;
    }
    const std::size_t colon = text.find(':');
    result.host = text.substr(0, colon);
    if (colon != string_view::npos) result.port = text.substr(colon + 1);
    if (!only(result.host, ".-_") || (result.port && result.port->find(':') != string_view::npos)) return std::nullopt;
    return result;
}

std::string percent_decoded(string_view text) {
    std::string result;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] != '%') {
            result += text[i];
            continue;
        }
        unsigned char byte = 0;
        const string_view hex = text.substr(i + 1, 2);
        const auto [end, error] = std::from_chars(hex.data(), hex.data() + hex.size(), byte, 16);
        if (hex.size() != 2 || error != std::errc{} || end != hex.data() + 2)
            throw BadValue("the user or the password has a % that begins no escape, expected %25 for it");
        result += static_cast<char>(byte);
        i += 2;
    }
    return result;
}

// `authority` loses its user:password@.
void take_credentials(RedisConfig& redis, string_view& authority) {
    const std::size_t at = authority.rfind('@');
    if (at == string_view::npos) return;
    const string_view credentials = authority.substr(0, at);
    const std::size_t colon = credentials.find(':');
    if (colon == string_view::npos) throw BadValue("there is no : before the @, expected user:password@ or :password@");
    redis.username = any_text(percent_decoded(credentials.substr(0, colon)));
    redis.password = percent_decoded(credentials.substr(colon + 1));
    authority.remove_prefix(at + 1);
}

}  // namespace

std::string in_quotes(string_view text) { return '"' + std::string(text) + '"'; }

bool switch_from(string_view text) {
    const std::string word = lower(text);
    if (word == "true" || word == "on" || word == "yes") return true;
    if (word == "false" || word == "off" || word == "no") return false;
    throw BadValue(in_quotes(text) + " is not a switch, expected true or false");
}

std::uint64_t number_from(string_view text, std::uint64_t min, std::uint64_t max) {
    const auto number = whole_number(text);
    if (!number) {
        throw BadValue(in_quotes(text) + " is not a whole number, expected " + std::to_string(min) + " to " +
                       std::to_string(max));
    }
    if (*number < min || *number > max) out_of_range(text, std::to_string(min), std::to_string(max));
    return *number;
}

double factor_from(string_view text, double min, double max) {
    const std::string word = lower(text);
    if (word == "off" || word == "on") return word == "on" ? 1 : 0;
    double factor = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), factor, std::chars_format::fixed);
    if (text.empty() || error != std::errc{} || end != text.data() + text.size() || !std::isfinite(factor))
        throw BadValue(in_quotes(text) + " is not a factor, expected on, off or a number such as 1.5");
    if (factor < min || factor > max) out_of_range(text, factor_text(min), factor_text(max) + ", or off");
    return factor;
}

std::string factor_text(double factor) {
    if (factor == 0) return "off";
    std::array<char, 32> text{};
    const auto written = std::to_chars(text.data(), text.data() + text.size(), factor, std::chars_format::fixed);
    return {text.data(), written.ptr};
}

unsigned percent_from(string_view text, unsigned max) {
    constexpr std::array units{Unit{"%", 1}};
    const auto percent = measured(text, units);
    if (!percent) throw BadValue(in_quotes(text) + " is not a percentage, expected a whole one such as 10%");
    if (*percent > max) out_of_range(text, "0%", std::to_string(max) + '%');
    return static_cast<unsigned>(*percent);
}

milliseconds duration_from(string_view text, milliseconds min, milliseconds max) {
    constexpr string_view forms = "expected a whole number with a unit such as 200ms, 300s, 5m, 1h or 1d";
    if (all_digits(text)) {
        throw BadValue(in_quotes(text) + " has no unit, " + std::string(forms) + "; did you mean \"" +
                       std::string(text) + "s\"?");
    }
    const auto count = measured(text, duration_units);
    if (!count) throw BadValue(in_quotes(text) + " is not a duration, " + std::string(forms));
    const milliseconds duration{static_cast<std::int64_t>(*count)};
    if (duration < min || duration > max) out_of_range(text, duration_text(min), duration_text(max));
    return duration;
}

std::string duration_text(milliseconds duration) {
    const auto count = static_cast<std::uint64_t>(duration.count());
    if (count == 0) return "0s";
    const auto unit = std::ranges::find_if(duration_units, [count](const Unit& u) { return count % u.factor == 0; });
    return std::to_string(count / unit->factor) + std::string(unit->name);
}

std::uint64_t size_from(string_view text, std::uint64_t min, std::uint64_t max) {
    const auto bytes = measured(lower(text), size_units);
    if (!bytes) throw BadValue(in_quotes(text) + " is not a size, expected bytes such as 64KiB, 8MB, 256MiB or 4096");
    if (*bytes < min || *bytes > max) out_of_range(text, size_text(min), size_text(max));
    return *bytes;
}

std::string size_text(std::uint64_t bytes) {
    constexpr std::array written{Unit{"TiB", 1ull << 40}, Unit{"GiB", 1ull << 30}, Unit{"MiB", 1ull << 20},
                                 Unit{"KiB", 1ull << 10}};
    const auto unit = std::ranges::find_if(written, [bytes](const Unit& u) { return bytes % u.factor == 0; });
    if (bytes == 0 || unit == written.end()) return std::to_string(bytes);
    return std::to_string(bytes / unit->factor) + std::string(unit->name);
}

Endpoint endpoint_from(string_view text, string_view default_host) {
    if (all_digits(text)) return {std::string(default_host), port_from(text, 0)};
    const auto parts = split_host_port(text);
    if (!parts) throw BadValue(in_quotes(text) + " is not an address, " + std::string(endpoint_forms));
    if (!parts->port) throw BadValue(in_quotes(text) + " has no port, " + std::string(endpoint_forms));
    return {std::string(parts->host.empty() ? default_host : parts->host), port_from(*parts->port, 0)};
}

std::string endpoint_text(const Endpoint& endpoint) {
    const bool bracketed = endpoint.host.find(':') != std::string::npos;
    return (bracketed ? '[' + endpoint.host + ']' : endpoint.host) + ':' + std::to_string(endpoint.port);
}

Endpoint server_from(string_view text) {
    constexpr string_view http = "http://";
    constexpr string_view forms = "expected a URL such as http://127.0.0.1:9000";
    string_view rest = text;
    const bool url = rest.starts_with(http);
    if (url) rest.remove_prefix(http.size());
    if (rest.starts_with("https://")) throw BadValue("TLS to upstreams is not supported, expected http://host:port");
    if (url && rest.ends_with('/')) rest.remove_suffix(1);
    if (url && rest.find_first_of("/?#") != string_view::npos)
        throw BadValue(in_quotes(text) + " has a path, expected none: the path of the request is kept");
    const auto parts = split_host_port(rest);
    if (!parts || parts->host.empty() || (!url && all_digits(rest)))
        throw BadValue(in_quotes(text) + " is not an upstream, " + std::string(forms));
    if (!parts->port && !url) throw BadValue(in_quotes(text) + " has no port, " + std::string(forms));
    return {std::string(parts->host), parts->port ? port_from(*parts->port, 1) : std::uint16_t{80}};
}

AddressRange address_range_of(string_view text) {
    const auto range = address_range_from(text);
    if (!range)
        throw BadValue(in_quotes(text) +
                       " is no range of addresses, expected one such as 10.0.0.0/8, 192.0.2.1 or fd00::/8");
    return *range;
}

void apply_redis_url(RedisConfig& redis, string_view text) {
    constexpr string_view scheme = "redis://";
    constexpr string_view unix_scheme = "unix://";
    const RedisConfig defaults;
    RedisConfig result = redis;
    result.host = defaults.host;
    result.port = defaults.port;
    result.unix_socket.clear();
    result.database = defaults.database;
    result.username.clear();
    result.password.clear();
    if (text.starts_with("rediss://")) throw BadValue("TLS to Redis is not supported, " + std::string(redis_forms));
    if (text.starts_with(unix_scheme)) {
        result.unix_socket = socket_path_from(text.substr(unix_scheme.size()));
        if (result.unix_socket.empty()) throw BadValue("the URL has no path, expected unix:///path");
    } else if (text.starts_with(scheme)) {
        string_view authority = text.substr(scheme.size());
        take_credentials(result, authority);
        const std::size_t slash = authority.find('/');
        const string_view database = slash == string_view::npos ? string_view{} : authority.substr(slash + 1);
        const auto parts = split_host_port(authority.substr(0, slash));
        if (!parts || parts->host.empty()) throw BadValue("the URL has no host, " + std::string(redis_forms));
        result.host = parts->host;
        const auto port = whole_number(parts->port.value_or("6379"));
        if (!port || *port < 1 || *port > 65'535) throw BadValue("the URL's port is not a port, expected 1 to 65535");
        result.port = static_cast<std::uint16_t>(*port);
        if (!database.empty()) result.database = static_cast<std::uint32_t>(number_from(database, 0, max_database));
    } else {
        throw BadValue("the text is not a Redis URL, " + std::string(redis_forms));
    }
    redis = std::move(result);
}

std::string any_text(string_view text) {
    if (!is_text(text)) throw BadValue("the value is not text, expected UTF-8 without control characters");
    return std::string(text);
}

std::string route_host_from(string_view text) {
    if (!only(text, ".-_:[]") || (text.find(':') != string_view::npos && !text.ends_with(']')))
        throw BadValue(in_quotes(text) +
                       " is not a host, expected a name without port and wildcards, such as www.example.org");
    return lower(text);
}

std::string path_from(string_view text) {
    if (!text.starts_with('/') || !printable(text) || text.find_first_of("?#") != string_view::npos)
        throw BadValue(in_quotes(text) + " is not a path, expected one that begins with / and has no query");
    std::string buffer;
    const string_view normal = rules::normalised_path(text, buffer);
    if (normal != text) throw BadValue(in_quotes(text) + " is not in normal form, expected " + in_quotes(normal));
    return std::string(text);
}

std::string host_field_from(string_view text) {
    if (text.empty()) return {};
    const auto parts = only(text, ".-_:[]") ? split_host_port(text) : std::nullopt;
    if (!parts || parts->host.empty()) {
        string_view host = text;
        if (const std::size_t scheme = host.find("://"); scheme != string_view::npos) host.remove_prefix(scheme + 3);
        host = host.substr(0, host.find_first_of("/?#"));
        const bool is_one = host.size() < text.size() && !host.empty() && only(host, ".-_:[]");
        throw BadValue(in_quotes(text) + " is not a host, expected a name such as www.example.org" +
                       (is_one ? "; did you mean " + in_quotes(host) + '?' : ""));
    }
    if (parts->port) port_from(*parts->port, 1);
    return std::string(text);
}

std::string redis_host_from(string_view text) {
    if (text.empty() || !only(text, ".-_:%"))
        throw BadValue(in_quotes(text) + " is not a host, expected a name or an address without port");
    if (text.find(':') != string_view::npos && std::ranges::count(text, ':') == 1)
        throw BadValue(in_quotes(text) + " has a port, expected the host alone and the port under `port`");
    return std::string(text);
}

std::string socket_path_from(string_view text) {
    constexpr std::size_t longest = 107;  // sun_path, with the final zero
    if (!text.empty() && (!text.starts_with('/') || text.size() > longest))
        throw BadValue(in_quotes(text) + " is not the path of a socket, expected an absolute one of at most 107 bytes");
    return any_text(text);
}

std::string key_prefix_from(string_view text) {
    if (text.empty() || !only(text, "._-:"))
        throw BadValue(in_quotes(text) + " is not a prefix, expected letters, digits and . _ - :");
    return std::string(text);
}

std::string token_from(string_view text) {
    if (text.empty() || !only(text, "!#$%&'*+-.^_`|~"))
        throw BadValue(in_quotes(text) + " is not a token of HTTP, expected letters, digits and -");
    return std::string(text);
}

std::string protocol_from(string_view text) {
    const std::size_t slash = std::min(text.find('/'), text.size());
    if (!rules::is_token(text.substr(0, slash)) || (slash < text.size() && !rules::is_token(text.substr(slash + 1))))
        throw BadValue(in_quotes(text) + " is not a protocol, expected one such as websocket");
    if (lower(text.substr(0, slash)) == "h2c")  // whose requests would be neither parsed nor keyed
        throw BadValue(in_quotes(text) + " would carry requests past the cache, expected one such as websocket");
    return std::string(text);
}

std::string key_field_from(string_view text) {
    // Of one connection, written anew or left out: the origin would answer by another value than the key says.
    constexpr const char* unread[] = {"connection",
                                      "content-length",
                                      "expect",
                                      "host",
                                      "if-match",
                                      "if-modified-since",
                                      "if-none-match",
                                      "if-range",
                                      "if-unmodified-since",
                                      "keep-alive",
                                      "proxy-authorization",
                                      "proxy-connection",
                                      "range",
                                      "te",
                                      "trailer",
                                      "transfer-encoding",
                                      "upgrade",
                                      "x-forwarded-for",
                                      "x-forwarded-host",
                                      "x-forwarded-proto",
                                      "x-request-id"};
    if (std::ranges::find(unread, lower(text)) != std::end(unread))
        throw BadValue(in_quotes(text) +
                       " does not reach the origin as the client sent it, expected a field that does");
    return token_from(text);
}

std::string parameter_from(string_view text) {
    if (text.empty() || !printable(text) || text.find_first_of("?&=#") != string_view::npos)
        throw BadValue(in_quotes(text) + " is not the name of a parameter, expected one such as utm_source or utm_*");
    return std::string(text);
}

std::string local_path_from(string_view text) {
    const std::vector<std::string> known{"/metrics", "/health", "/livez", "/readyz"};
    if (std::ranges::find(known, text) == known.end())
        throw BadValue(in_quotes(text) + " is no endpoint, expected " + joined(known) + did_you_mean(text, known));
    return std::string(text);
}

}  // namespace proxy::config
