#pragma once

#include <string>

#include "proxy/config/config.hpp"

namespace proxy {

// The configuration as YAML with every key, in a form that loads again to the same Config; only the password of Redis
// is shown as ***.
[[nodiscard]] std::string print_config(Config config);

}  // namespace proxy
