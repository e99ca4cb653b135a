#pragma once
// The log for people: standard error, one line an event. A failure is logged once, by the owner who decides.

#include <string_view>

#include "proxy/config/config.hpp"

namespace proxy::observe {

void set_log_level(LogLevel level);

// Any thread. `message` is escaped: what a peer sent cannot forge a line.
void log(LogLevel level, std::string_view message);

}  // namespace proxy::observe
