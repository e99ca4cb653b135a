#pragma once
// What the command line asks for.

#include <optional>
#include <string>
#include <string_view>

#include "loadgen/summary.hpp"

namespace loadgen {

struct Options {
    std::string url = "http://localhost:5000/items";
    bool demo = true;  // the fixed fifty requests, one after another; none of the following seven is given
    std::optional<std::uint64_t> requests;
    std::optional<nanoseconds> duration;
    std::size_t connections = 10;
    std::optional<double> rate;  // requests a second; without: each connection asks as fast as it is answered
    std::size_t keys = 100;
    double zipf = 1.0;
    std::uint64_t seed = 1;
    nanoseconds timeout = std::chrono::seconds{10};
    bool json = false;
    Thresholds thresholds;
};

// Fills `options`, or writes help, version or what is wrong and gives the exit status.
[[nodiscard]] std::optional<int> parse_command_line(int argc, const char* const* argv, Options& options);

// "10s", "1.5s", "50ms", "200us", "2m"; empty where it is none, not above zero, or longer than a day.
[[nodiscard]] std::optional<nanoseconds> parse_duration(std::string_view text);

}  // namespace loadgen
