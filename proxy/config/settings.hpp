#pragma once
// What flags and environment variables may say, in one table.

#include <span>
#include <string>
#include <string_view>

#include "proxy/config/draft.hpp"
#include "proxy/config/load_config.hpp"

namespace proxy::config {

struct Setting {
    const char* flag;
    const char* value;  // what the help calls it
    const char* variable;
    const char* help;
    bool repeatable;  // each use adds one; in the variable, commas separate
    void (*apply)(Draft& draft, const std::vector<std::string>& values);  // throws BadValue
};

[[nodiscard]] std::span<const Setting> settings();

// The demo's REDIS_ variables first, then the WEIR_ ones, which say more. An empty variable counts as unset.
void apply_environment(const Environment& environment, Draft& draft, Problems& problems);

void apply_flags(const std::vector<Flag>& flags, Draft& draft, Problems& problems);

}  // namespace proxy::config
