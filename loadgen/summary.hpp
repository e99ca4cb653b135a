#pragma once
// What a run has measured, and whether that is good enough.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "loadgen/histogram.hpp"

namespace loadgen {

enum class Outcome { hit, miss, error };

// One request and what became of it.
struct Exchange {
    std::uint64_t number = 0;  // from 0
    std::string key;
    Outcome outcome = Outcome::error;
    std::string error;  // "status 502", or how the transport failed
    nanoseconds latency{0};
    bool has_latency = true;  // false where it failed before an answer or time-out: a quick failure is not speed
};

struct Summary {
    std::uint64_t hits = 0;
    std::uint64_t misses = 0;
    std::uint64_t errors = 0;
    std::uint64_t not_sent = 0;  // due within the duration, but no connection was free in time
    std::map<std::string, std::uint64_t> error_kinds;
    Histogram latency;
    nanoseconds elapsed{0};

    void add(const Exchange& exchange);

    [[nodiscard]] std::uint64_t requests() const noexcept { return hits + misses + errors; }
    [[nodiscard]] double hit_rate() const noexcept;  // percent of hits and misses
    [[nodiscard]] double requests_per_second() const noexcept;
};

struct Thresholds {
    std::optional<double> min_hit_rate;  // percent
    std::optional<std::uint64_t> max_errors;
    std::optional<nanoseconds> max_p99;
};

// A sentence for each threshold that was not met. Requests that were not sent count as errors here, and a run without
// any latency does not meet max_p99.
[[nodiscard]] std::vector<std::string> failed_thresholds(const Summary& summary, const Thresholds& thresholds);

// `[ 1/50] popular  MISS  203.1 ms`
[[nodiscard]] std::string exchange_line(const Exchange& exchange, std::uint64_t total);

// The summary a human reads; with `details` also the throughput and the percentiles.
[[nodiscard]] std::string to_text(const Summary& summary, bool details);

[[nodiscard]] std::string to_json(const Summary& summary, std::string_view url, const std::vector<std::string>& failed);

}  // namespace loadgen
