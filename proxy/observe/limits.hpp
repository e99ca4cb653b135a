#pragma once
// The limits that a client can come up against, by the names of their settings under `limits`.

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace proxy::observe {

enum class Limit : std::uint8_t {
    max_connections,
    max_connections_per_client,
    max_requests_per_connection,
    max_header_size,
    max_header_fields,
    max_target_size,
    max_request_body,
    header_deadline,
    body_deadline,
    min_body_rate,
    write_deadline,
    keep_alive_timeout,
    tunnel_timeout,
    max_buffers,
    descriptors  // the system's
};

inline constexpr std::array<std::string_view, 15> limit_names{"max_connections",
                                                              "max_connections_per_client",
                                                              "max_requests_per_connection",
                                                              "max_header_size",
                                                              "max_header_fields",
                                                              "max_target_size",
                                                              "max_request_body",
                                                              "header_deadline",
                                                              "body_deadline",
                                                              "min_body_rate",
                                                              "write_deadline",
                                                              "keep_alive_timeout",
                                                              "tunnel_timeout",
                                                              "max_buffers",
                                                              "descriptors"};
static_assert(limit_names.size() == static_cast<std::size_t>(Limit::descriptors) + 1);

}  // namespace proxy::observe
