#include "loadgen/summary.hpp"

#include <cstdarg>
#include <cstdio>
#include <nlohmann/json.hpp>

namespace loadgen {

namespace {

constexpr std::size_t max_error_kinds = 20;

struct Percentile {
    const char* name;
    double percent;
};
constexpr Percentile percentiles[] = {{"p50", 50}, {"p90", 90}, {"p99", 99}, {"p99.9", 99.9}};

double milliseconds(nanoseconds latency) { return std::chrono::duration<double, std::milli>(latency).count(); }

[[gnu::format(printf, 1, 2)]] std::string format(const char* pattern, ...) {
    char text[256];
    va_list arguments;
    va_start(arguments, pattern);
    std::vsnprintf(text, sizeof text, pattern, arguments);
    va_end(arguments);
    return text;
}

std::string count_line(const char* label, std::uint64_t count) {
    return format("%-15s %llu\n", label, static_cast<unsigned long long>(count));
}

std::string latency_line(const char* label, nanoseconds latency) {
    return format("%-15s %.2f ms\n", label, milliseconds(latency));
}

}  // namespace

void Summary::add(const Exchange& exchange) {
    switch (exchange.outcome) {
        case Outcome::hit: ++hits; break;
        case Outcome::miss: ++misses; break;
        case Outcome::error:
            ++errors;
            if (error_kinds.size() < max_error_kinds || error_kinds.contains(exchange.error))
                ++error_kinds[exchange.error];
            else
                ++error_kinds["others"];
    }
    if (exchange.has_latency) latency.record(exchange.latency);
}

double Summary::hit_rate() const noexcept {
    const std::uint64_t answers = hits + misses;
    return answers == 0 ? 0 : 100.0 * static_cast<double>(hits) / static_cast<double>(answers);
}

double Summary::requests_per_second() const noexcept {
    const double seconds = std::chrono::duration<double>(elapsed).count();
    return seconds > 0 ? static_cast<double>(requests()) / seconds : 0;
}

std::vector<std::string> failed_thresholds(const Summary& summary, const Thresholds& thresholds) {
    std::vector<std::string> failed;
    if (thresholds.min_hit_rate && summary.hit_rate() < *thresholds.min_hit_rate)
        failed.push_back(
            format("cache-hit rate %.2f %% is below --min-hit-rate %g", summary.hit_rate(), *thresholds.min_hit_rate));
    const std::uint64_t errors = summary.errors + summary.not_sent;
    if (thresholds.max_errors && errors > *thresholds.max_errors)
        failed.push_back(format("%llu errors and requests not sent are above --max-errors %llu",
                                static_cast<unsigned long long>(errors),
                                static_cast<unsigned long long>(*thresholds.max_errors)));
    if (thresholds.max_p99 && summary.latency.count() == 0)
        failed.push_back("no latency was measured, so --max-p99 is not met");
    else if (thresholds.max_p99 && summary.latency.percentile(99) > *thresholds.max_p99)
        failed.push_back(format("p99 latency %.2f ms is above --max-p99 %g ms",
                                milliseconds(summary.latency.percentile(99)), milliseconds(*thresholds.max_p99)));
    return failed;
}

std::string exchange_line(const Exchange& exchange, std::uint64_t total) {
    const int width = static_cast<int>(std::to_string(total).size());
    const char* result = "ERROR";
    if (exchange.outcome == Outcome::hit) result = "HIT";
    if (exchange.outcome == Outcome::miss) result = "MISS";
    std::string line =
        format("[%*llu/%llu] %-8s %-5s %7.1f ms", width, static_cast<unsigned long long>(exchange.number + 1),
               static_cast<unsigned long long>(total), exchange.key.c_str(), result, milliseconds(exchange.latency));
    if (exchange.outcome == Outcome::error) line += "  " + exchange.error;
    return line;
}

std::string to_text(const Summary& summary, bool details) {
    std::string text = count_line("Total requests:", summary.requests());
    text += count_line("Cache hits:", summary.hits);
    text += count_line("Cache misses:", summary.misses);
    text += count_line("Errors:", summary.errors);
    text += format("%-15s %.2f %%\n", "Cache-hit rate:", summary.hit_rate());
    text += latency_line("Avg latency:", summary.latency.mean());
    text += latency_line("Median latency:", summary.latency.percentile(50));
    if (details) {
        text += format("%-15s %.1f\n", "Requests/s:", summary.requests_per_second());
        for (const Percentile& each : percentiles)
            text += latency_line(format("%s:", each.name).c_str(), summary.latency.percentile(each.percent));
        text += latency_line("max:", summary.latency.max());
    }
    if (summary.not_sent > 0) text += count_line("Not sent:", summary.not_sent);
    for (const auto& [kind, count] : summary.error_kinds) text += count_line((kind + ':').c_str(), count);
    return text;
}

std::string to_json(const Summary& summary, std::string_view url, const std::vector<std::string>& failed) {
    nlohmann::ordered_json latency = {{"avg", milliseconds(summary.latency.mean())},
                                      {"median", milliseconds(summary.latency.percentile(50))}};
    for (const Percentile& each : percentiles)
        latency[each.name] = milliseconds(summary.latency.percentile(each.percent));
    latency["max"] = milliseconds(summary.latency.max());
    const nlohmann::ordered_json json = {
        {"url", std::string(url)},
        {"requests", summary.requests()},
        {"hits", summary.hits},
        {"misses", summary.misses},
        {"errors", summary.errors},
        {"not_sent", summary.not_sent},
        {"hit_rate_percent", summary.hit_rate()},
        {"seconds", std::chrono::duration<double>(summary.elapsed).count()},
        {"requests_per_second", summary.requests_per_second()},
        {"latency_ms", latency},
        {"error_kinds", summary.error_kinds},
        {"failed_thresholds", failed},
    };
    return json.dump(2, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace loadgen
