#pragma once
// The purge API's messages.

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

#include "proxy/store/purge_log.hpp"
#include "proxy/store/purge_request.hpp"

namespace proxy::admin {

// {"urls":[],"surrogate_keys":[],"prefixes":[],"hosts":[],"everything":true,"soft":false}; each member may be missing.
// Strict: an unknown member or another type is refused, with its name.
[[nodiscard]] std::variant<store::PurgeRequest, store::BadPurge> parse_purge_request(std::string_view json);

[[nodiscard]] std::string purge_request_json(const store::PurgeRequest& request);

// {"error":"..."}
[[nodiscard]] std::string error_json(std::string_view reason);

// {"position":"1700000000000-0","purged":1}
[[nodiscard]] std::string purged_json(std::uint64_t position, std::size_t things);

// How far this node is: {"position":...,"newest":...,"lag_seconds":...,"following":...,"entries":...,"pending":...}.
// Null without Redis.
[[nodiscard]] std::string purge_state_json(const store::Purges& purges, const store::PurgeLog* log);

}  // namespace proxy::admin
