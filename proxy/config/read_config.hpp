#pragma once

#include "proxy/config/draft.hpp"
#include "proxy/config/load_config.hpp"

namespace proxy::config {

// Adds what the file says to the draft, and all that is wrong with it to the problems. Throws ConfigError where it is
// no YAML map: nothing more can be said then.
void read_config(const ConfigText& text, const Environment& environment, Draft& draft, Problems& problems);

}  // namespace proxy::config
