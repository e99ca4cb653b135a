#pragma once
// Which of a client's fields an origin may not be told, lest it answers all others by what no key says.

#include <span>
#include <string>
#include <string_view>

#include "proxy/rules/message.hpp"

namespace proxy::rules {

// What origins and their frameworks take for the truth about host, path, method, scheme or client, though a client
// wrote it. `*_*`: a name that CGI, WSGI, PHP and their like cannot tell from the one with dashes, such as
// Content_Length.
inline constexpr std::string_view default_dropped_request_fields[] = {"Forwarded",
                                                                      "X-Forwarded*",
                                                                      "X-Original-*",
                                                                      "X-Rewrite-*",
                                                                      "X-*-Override",
                                                                      "X-HTTP-Method",
                                                                      "X-HTTP-DestinationURL",
                                                                      "X-Host",
                                                                      "X-Scheme",
                                                                      "X-URL-Scheme",
                                                                      "Front-End-Https",
                                                                      "X-Real-IP",
                                                                      "X-Client-IP",
                                                                      "Client-IP",
                                                                      "True-Client-IP",
                                                                      "X-Cluster-Client-IP",
                                                                      "Proxy",
                                                                      "*_*"};

// Whether `name` is the pattern's, letter case aside; `*` stands for any text, also none. Linear in the name's length
// for each `*`.
[[nodiscard]] bool matches(std::string_view pattern, std::string_view name) noexcept;

// Whether a field is left out of the forwarded request. Not so what the key says: then others are not answered by it.
[[nodiscard]] bool is_dropped(std::string_view name, std::span<const std::string> dropped,
                              std::span<const std::string> in_key) noexcept;

}  // namespace proxy::rules
