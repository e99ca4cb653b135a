#include "proxy/observe/process_stats.hpp"

#include <sys/resource.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <limits>
#include <string>

namespace proxy::observe {
namespace {

double seconds_of(const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
}

std::uint64_t count_open_fds() {
    std::error_code ignored;
    std::uint64_t count = 0;
    for (std::filesystem::directory_iterator fds("/proc/self/fd", ignored), end; fds != end; fds.increment(ignored))
        ++count;
    return count == 0 ? 0 : count - 1;  // one is the directory itself
}

// Field 22 of /proc/self/stat is in clock ticks since boot; field 2, the name, may hold spaces and parentheses.
double read_start_time() {
    std::ifstream stat("/proc/self/stat");
    stat.ignore(std::numeric_limits<std::streamsize>::max(), ')');
    std::string field;
    for (int number = 3; number < 22; ++number) stat >> field;
    double ticks = 0;
    double uptime = 0;
    if (!(stat >> ticks) || !(std::ifstream("/proc/uptime") >> uptime)) return 0;

    const auto now = std::chrono::system_clock::now().time_since_epoch();
    return std::chrono::duration<double>(now).count() - uptime + ticks / static_cast<double>(sysconf(_SC_CLK_TCK));
}

}  // namespace

ProcessStats process_stats() {
    static const double start_time = read_start_time();  // once: it must not waver

    ProcessStats stats{.start_time = start_time};
    std::uint64_t pages = 0;
    if (std::ifstream("/proc/self/statm") >> pages >> pages)
        stats.resident_bytes = pages * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
    stats.open_fds = count_open_fds();
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    stats.cpu_seconds = seconds_of(usage.ru_utime) + seconds_of(usage.ru_stime);
    return stats;
}

}  // namespace proxy::observe
