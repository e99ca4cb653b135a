#pragma once
// The configuration in force, which may be loaded anew while the node runs.

#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "proxy/config/config.hpp"

namespace proxy {

// Any thread.
class RunningConfig {
 public:
    explicit RunningConfig(Config config);
    RunningConfig(const RunningConfig&) = delete;
    RunningConfig& operator=(const RunningConfig&) = delete;

    [[nodiscard]] std::shared_ptr<const Config> get() const;

    // Takes over what can change while the node runs: upstreams, routes, limits, and what stands alone. What sockets,
    // threads and stores were made of stays as it is; the keys of that for which `fresh` has something else.
    [[nodiscard]] std::vector<std::string> replace(Config fresh);

    // `fresh` could not be loaded: all stays.
    void replace_failed();

    struct Stats {
        std::uint64_t succeeded = 0, failed = 0;               // replacements
        bool last_successful = true;                           // or none was tried
        std::chrono::system_clock::time_point last_success{};  // when the one in force was loaded
        std::uint64_t hash = 0;                                // of its text without secrets, 48 bits
    };
    [[nodiscard]] Stats stats() const;

 private:
    void put(Config config);

    mutable std::mutex mutex_;
    std::shared_ptr<const Config> config_;
    Stats stats_;
};

}  // namespace proxy
