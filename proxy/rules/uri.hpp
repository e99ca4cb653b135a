#pragma once
// Origins and references to resources. RFC 3986, RFC 9110 §4.2, §4.3.1.

#include <optional>
#include <string>
#include <string_view>

#include "proxy/rules/message.hpp"

namespace proxy::rules {

// host [":" port] as Host and a target in absolute form have it: no user information, nothing that could end an
// authority elsewhere, a host that is not empty, an IPv6 address without zone, a port below 65536. RFC 9110 §4.2.4,
// §7.2
[[nodiscard]] bool is_authority(std::string_view text) noexcept;

// Appends "%" and two hexadecimal digits.
void append_percent_encoded(std::string& out, char c);

// The authority without the scheme's default port, or an empty one. RFC 3986 §6.2.3
[[nodiscard]] std::string_view without_default_port(std::string_view scheme, std::string_view authority) noexcept;

// The path in its normal form: percent-encoded unreserved characters decoded, hexadecimal digits in upper case, dot
// segments removed. All else stays apart: encoded reserved characters, letter case, empty segments, `;`. A path with a
// malformed escape, or without a slash in front, is left alone. Refers to `path` or to `buffer`. RFC 3986 §6.2.2
[[nodiscard]] std::string_view normalised_path(std::string_view path, std::string& buffer);

// Appends e.g. "http://example.com:8080": lower case, without the scheme's default port. What cannot stand in an
// authority is percent-encoded, so that no authority looks like another one with a path.
void append_origin(std::string& out, std::string_view scheme, std::string_view authority);

// The target (path and query) of the resource that `reference`, as in Location, means in the answer to `request`; empty
// where it is of another origin, or nothing. RFC 3986 §5.2
[[nodiscard]] std::optional<std::string> same_origin_target(const RequestHeader& request, std::string_view reference);

}  // namespace proxy::rules
