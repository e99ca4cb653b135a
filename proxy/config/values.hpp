#pragma once
// How the values of a configuration are written: text to value and back.
// Every *_from throws BadValue, which says what is wrong and what was expected, but not where.

#include <chrono>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>

#include "proxy/config/config.hpp"

namespace proxy::config {

struct BadValue : std::runtime_error {
    using std::runtime_error::runtime_error;
};

inline constexpr std::uint32_t max_database = 65'535;

[[nodiscard]] std::string in_quotes(std::string_view text);

[[nodiscard]] bool switch_from(std::string_view text);  // true, on, yes; false, off, no
[[nodiscard]] std::uint64_t number_from(std::string_view text, std::uint64_t min, std::uint64_t max);

// `off` is 0, `on` is 1; otherwise a number such as 1.5.
[[nodiscard]] double factor_from(std::string_view text, double min, double max);
[[nodiscard]] std::string factor_text(double factor);

// A whole number of percent: 10%.
[[nodiscard]] unsigned percent_from(std::string_view text, unsigned max);

// A whole number with a unit: 200ms, 300s, 5m, 1h, 1d.
[[nodiscard]] milliseconds duration_from(std::string_view text, milliseconds min, milliseconds max);
[[nodiscard]] std::string duration_text(milliseconds duration);

// Bytes: 4096, 64k (as nginx means it: 1024), 256MiB, 8MB (10^6).
[[nodiscard]] std::uint64_t size_from(std::string_view text, std::uint64_t min, std::uint64_t max);
[[nodiscard]] std::string size_text(std::uint64_t bytes);

// An address to listen on: host:port, [ipv6]:port, or :port and a bare port, which mean that port of `default_host`.
[[nodiscard]] Endpoint endpoint_from(std::string_view text, std::string_view default_host);
[[nodiscard]] std::string endpoint_text(const Endpoint& endpoint);

// One server of an upstream: http://host:port, http://host (port 80) or host:port.
[[nodiscard]] Endpoint server_from(std::string_view text);

// Of clients: an address, or a range such as 10.0.0.0/8.
[[nodiscard]] AddressRange address_range_of(std::string_view text);

// redis://[user:password@]host[:port][/db] or unix:///path. Replaces all that names the server and the credentials,
// and leaves the rest of `redis` alone. The messages never quote the URL: it may hold a password.
void apply_redis_url(RedisConfig& redis, std::string_view text);

// Checked texts. They answer the text as it is to be stored.
[[nodiscard]] std::string any_text(std::string_view text);          // UTF-8 without control characters
[[nodiscard]] std::string route_host_from(std::string_view text);   // lower case
[[nodiscard]] std::string path_from(std::string_view text);         // begins with /, in normal form
[[nodiscard]] std::string host_field_from(std::string_view text);   // what a Host field may say; may be empty
[[nodiscard]] std::string redis_host_from(std::string_view text);   // without port
[[nodiscard]] std::string socket_path_from(std::string_view text);  // absolute, or empty
[[nodiscard]] std::string key_prefix_from(std::string_view text);
[[nodiscard]] std::string token_from(std::string_view text);      // RFC 9110 §5.6.2
[[nodiscard]] std::string protocol_from(std::string_view text);   // of Upgrade, RFC 9110 §7.8
[[nodiscard]] std::string key_field_from(std::string_view text);  // a field that the origin gets from the client
[[nodiscard]] std::string parameter_from(std::string_view text);
[[nodiscard]] std::string local_path_from(std::string_view text);

}  // namespace proxy::config
