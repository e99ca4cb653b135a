#include "loadgen/options.hpp"

#include <CLI/CLI.hpp>
#include <charconv>
#include <utility>

namespace loadgen {

namespace {

constexpr const char* footer = R"(
Without options for the load: 50 requests one after another, 35 to one key and 15 over ten further ones.

Examples:
  weir-loadgen                                                   the demo on http://localhost:5000/items
  weir-loadgen http://127.0.0.1:8080/items --min-hit-rate 70 --max-errors 0
  weir-loadgen --duration 10s --connections 50 --keys 10000 --zipf 1.1
  weir-loadgen --duration 30s --rate 2000 --connections 100 --max-p99 50ms --json

A response is a hit where the last member of Cache-Status has `hit`, or without Cache-Status where the last member of
X-Cache begins with HIT. A status other than 2xx or 3xx, a failed connection and a time-out are errors.

Exit status: 0 all well; 1 wrong usage or no connection; 2 a threshold was not met.)";

void add_duration(CLI::App& app, const char* name, std::function<void(nanoseconds)> set, const char* description) {
    const auto read = [set = std::move(set), name](const std::string& text) {
        const auto duration = parse_duration(text);
        if (!duration)
            throw CLI::ValidationError(name, "expected a duration like 500ms, 10s or 2m, got '" + text + "'");
        set(*duration);
    };
    app.add_option_function<std::string>(name, read, description)->type_name("DURATION");
}

void add_load_options(CLI::App& app, Options& options) {
    app.add_option("--requests", options.requests, "Stop after so many requests")->check(CLI::PositiveNumber);
    add_duration(
        app, "--duration", [&options](nanoseconds time) { options.duration = time; },
        "Stop after so long; 10s where neither this nor --requests is given");
    app.add_option("--connections", options.connections, "Connections used at the same time")
        ->check(CLI::Range(1, 60'000))
        ->capture_default_str();
    app.add_option(
           "--rate", options.rate,
           "Requests a second, whether answers come or not; latency then counts from the moment a request was due")
        ->check(CLI::Range(0.001, 10'000'000.0));
    app.add_option("--keys", options.keys, "How many different keys")
        ->check(CLI::Range(1, 10'000'000))
        ->capture_default_str();
    app.add_option("--zipf", options.zipf, "Skew of the keys' popularity; 0: all alike")
        ->check(CLI::Range(0.0, 20.0))
        ->capture_default_str();
    app.add_option("--seed", options.seed, "Of the choice of keys")->capture_default_str();
}

void add_threshold_options(CLI::App& app, Thresholds& thresholds) {
    app.add_option("--min-hit-rate", thresholds.min_hit_rate, "Percent")->check(CLI::Range(0.0, 100.0));
    app.add_option("--max-errors", thresholds.max_errors, "Requests not sent in time count too");
    add_duration(app, "--max-p99", [&thresholds](nanoseconds time) { thresholds.max_p99 = time; }, "Of the latency");
}

}  // namespace

std::optional<int> parse_command_line(int argc, const char* const* argv, Options& options) {
    CLI::App app("Asks a cache for many things and tells how often it knew the answer, and how fast.", "weir-loadgen");
    app.footer(footer);
    app.set_version_flag("--version", "weir-loadgen " WEIR_VERSION);
    app.add_option("URL", options.url, "Each request appends a slash and a key to the path")->capture_default_str();
    add_duration(
        app, "--timeout", [&options](nanoseconds time) { options.timeout = time; },
        "Of one request, connecting included; default 10s");
    app.add_flag("--json", options.json, "One JSON document on stdout, all else on stderr");
    add_load_options(app, options);
    add_threshold_options(app, options.thresholds);
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        return app.exit(error) == 0 ? 0 : 1;
    }
    for (const char* name : {"--requests", "--duration", "--connections", "--rate", "--keys", "--zipf", "--seed"})
        if (app.count(name) > 0) options.demo = false;
    if (!options.demo && !options.requests && !options.duration) options.duration = std::chrono::seconds{10};
    if (options.demo) options.connections = 1;
    return std::nullopt;
}

std::optional<nanoseconds> parse_duration(std::string_view text) {
    constexpr std::pair<std::string_view, double> units[] = {
        {"us", 1e3}, {"ms", 1e6}, {"s", 1e9}, {"m", 60e9}, {"h", 3600e9}};
    constexpr double day = 86'400e9;
    double number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number, std::chars_format::fixed);
    if (error != std::errc{}) return std::nullopt;
    const std::string_view unit(end, static_cast<std::size_t>(text.data() + text.size() - end));
    for (const auto& [name, length] : units) {
        const double time = number * length;
        if (unit == name && time >= 1 && time <= day) return nanoseconds{static_cast<std::int64_t>(time)};
    }
    return std::nullopt;
}

}  // namespace loadgen
