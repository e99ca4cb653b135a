#pragma once
// What Linux knows of this process.

#include <cstdint>

namespace proxy::observe {

struct ProcessStats {
    std::uint64_t resident_bytes = 0;
    std::uint64_t open_fds = 0;
    double cpu_seconds = 0;  // user and system
    double start_time = 0;   // seconds since 1970, to within one
};

// Reads /proc; what cannot be read is 0.
[[nodiscard]] ProcessStats process_stats();

}  // namespace proxy::observe
