#pragma once
// Going on with another protocol on a connection. RFC 9110 §7.8

#include <span>
#include <string>
#include <string_view>

#include "proxy/rules/message.hpp"

namespace proxy::rules {

// The first of the protocols that a GET offers and `allowed` (such as "websocket") has, as the client writes it; empty:
// none. Its content, if it has any, is the caller's concern.
[[nodiscard]] std::string_view offered_protocol(const RequestHeader& request,
                                                std::span<const std::string> allowed) noexcept;

// Whether this 101 switches to that protocol, and to none but it.
[[nodiscard]] bool switches_to(const ResponseHeader& response, std::string_view protocol);

}  // namespace proxy::rules
