#pragma once
// `weir purge ...`: the purge API from the command line.

#include <chrono>
#include <string>
#include <vector>

#include "proxy/config/load_config.hpp"
#include "proxy/store/purge_request.hpp"

namespace proxy::admin {

struct PurgeCommand {
    Endpoint admin{"127.0.0.1", 9180};
    std::string token;
    store::PurgeRequest request;
    bool help = false;
};

// `arguments` without "weir purge". The variable WEIR_ADMIN_TOKEN stands for --token. Throws std::runtime_error that
// says what is wrong.
[[nodiscard]] PurgeCommand parse_purge_command(const std::vector<std::string>& arguments,
                                               const Environment& environment);

[[nodiscard]] std::string purge_help();

// The answer's content where it was 200. Throws std::runtime_error that says why not.
[[nodiscard]] std::string run_purge_command(const PurgeCommand& command, std::chrono::milliseconds deadline);

}  // namespace proxy::admin
