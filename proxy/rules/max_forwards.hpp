#pragma once
// How many proxies a TRACE or OPTIONS may still pass. RFC 9110 §7.6.2

#include <cstdint>
#include <optional>

#include "proxy/rules/message.hpp"

namespace proxy::rules {

// Empty: as many as there are, for other methods, without the field, and where it is no number. 0: who has received the
// request answers it.
[[nodiscard]] std::optional<std::uint64_t> max_forwards(const RequestHeader& request) noexcept;

}  // namespace proxy::rules
