#pragma once
// From file, environment and flags to one checked Config. Precedence: flags, environment, file, the structs' defaults.

#include <filesystem>
#include <functional>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "proxy/config/config.hpp"

namespace proxy {

// All that is wrong, a line each: `file:line: key.path: what is wrong, what was expected; did you mean "x"?`, or with
// the name of the flag or the variable instead of file, line and key.
class ConfigError : public std::runtime_error {
 public:
    explicit ConfigError(std::vector<std::string> all_problems);
    [[nodiscard]] const std::vector<std::string>& problems() const noexcept { return problems_; }

 private:
    std::vector<std::string> problems_;
};

// The value of a variable, or null where it is unset: std::getenv, or a table in a test.
using Environment = std::function<const char*(const char* name)>;

struct ConfigText {
    std::string name;  // how the messages call it
    std::string yaml;
};

// A flag that was given: {"--listen", "127.0.0.1:8080"}.
struct Flag {
    std::string name;
    std::string value;
};

// Throws ConfigError.
[[nodiscard]] ConfigText read_config_text(const std::filesystem::path& file);
[[nodiscard]] Config load_config(const std::optional<ConfigText>& text, const Environment& environment,
                                 const std::vector<Flag>& flags = {});

}  // namespace proxy
