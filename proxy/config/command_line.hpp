#pragma once
// What one start of weir asks for.

#include <string>
#include <vector>

#include "proxy/config/config.hpp"
#include "proxy/config/load_config.hpp"

namespace proxy {

struct Invocation {
    enum class Action { run, check, print_config, version, help };
    Action action = Action::run;
    Config config;  // loaded and checked, unless the action is version or help
};

// `arguments` without the program's name. Reads the file that --config names; to reload, call it again with the same.
// Throws ConfigError.
[[nodiscard]] Invocation parse_command_line(const std::vector<std::string>& arguments, const Environment& environment);

[[nodiscard]] std::string help_text();

}  // namespace proxy
