#include "proxy/observe/metrics.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <cstdlib>
#include <fstream>
#include <map>
#include <set>
#include <sstream>

#include "tests/support/temporary_folder.hpp"

using namespace proxy;
using namespace proxy::observe;
using namespace std::chrono_literals;

namespace {

struct Exposition {
    std::map<std::string, double> samples;     // "name{labels}" to value
    std::map<std::string, std::string> types;  // family to type
    std::set<std::string> helped;
};

// The family a sample is of: a histogram's samples have suffixes.
std::string family_of(const std::string& sample, const std::map<std::string, std::string>& types) {
    const std::string name = sample.substr(0, sample.find('{'));
    for (const char* suffix : {"_bucket", "_sum", "_count"}) {
        const std::size_t end = name.size() - std::min(name.size(), std::string(suffix).size());
        if (name.substr(end) == suffix && types.count(name.substr(0, end)) &&
            types.at(name.substr(0, end)) == "histogram")
            return name.substr(0, end);
    }
    return name;
}

Exposition parse(const std::string& text) {
    Exposition exposition;
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) {
        CAPTURE(line);
        std::istringstream words(line);
        std::string first, keyword, name, rest;
        if (line.starts_with("# ")) {
            words >> first >> keyword >> name;
            std::getline(words >> std::ws, rest);
            REQUIRE(!rest.empty());
            if (keyword == "HELP") {
                CHECK(exposition.helped.insert(name).second);
            } else {
                REQUIRE(keyword == "TYPE");
                CHECK(exposition.types.emplace(name, rest).second);
            }
            continue;
        }
        const std::size_t space = line.rfind(' ');
        REQUIRE(space != std::string::npos);
        const std::string sample = line.substr(0, space);
        CHECK(exposition.types.count(family_of(sample, exposition.types)) == 1);
        CHECK(exposition.samples.emplace(sample, std::strtod(line.c_str() + space, nullptr)).second);
    }
    return exposition;
}

// A node of two workers in which every number is another.
struct Node {
    WorkerMetrics first, second;
    store::RedisStats redis_first, redis_second;
    store::RedisStoreStats redis_store;
    store::LeaseStats leases;
    store::LeaseEvents::Stats lease_events;
    upstream::PoolStats pool_first, pool_second, other_pool;

    Node() {
        first.record({.outcome = Outcome::hit, .tier = Tier::memory, .status = 200, .bytes_sent = 100, .total = 80us});
        second.record({.outcome = Outcome::hit, .tier = Tier::redis, .status = 200, .bytes_sent = 23, .total = 700us});
        first.record({.outcome = Outcome::stale, .tier = Tier::memory, .status = 200, .total = 80us});
        first.record(
            {.outcome = Outcome::revalidated, .forwarded = rules::ForwardReason::stale, .status = 304, .total = 3ms});
        second.record({.outcome = Outcome::miss,
                       .forwarded = rules::ForwardReason::uri_miss,
                       .stored = true,
                       .status = 200,
                       .total = 200ms});
        second.record(
            {.outcome = Outcome::miss, .uncacheable = rules::Uncacheable::no_store, .status = 200, .total = 60s});
        first.record({.outcome = Outcome::bypass, .status = 201, .total = 1ms});
        first.record({.outcome = Outcome::error, .total = 1ms});
        first.record({.outcome = Outcome::local, .status = 200, .total = 1ms});
        first.connections_open.set(3);
        second.connections_open.set(4);
        first.connections_total.set(11);
        first.connections_refused.set(12);
        second.idle_connections_closed.set(16);
        second.malformed_requests.set(13);
        first.tunnels.set(3);
        second.tunnels_total.set(4);
        second.limits[0].set(14);
        first.limits.back().set(15);

        redis_first.ok.set(21);
        redis_second.ok.set(1);
        redis_first.errors.set(23);
        redis_first.timeouts.set(24);
        redis_first.refused[0].set(20);
        redis_second.refused[3].set(5);
        redis_first.error_replies[0].set(48);
        redis_second.error_replies[9].set(49);
        redis_first.unsent.set(50);
        redis_second.breaker = store::BreakerState::open;
        redis_first.transitions[1].set(51);
        first.pending_put_bytes.set(52);
        second.puts_refused.set(53);
        redis_first.reconnects.set(26);
        redis_first.in_flight.set(27);
        redis_second.connected = true;
        redis_second.latency.observe(40us);
        redis_store.bad_records.set(28);
        redis_store.variants_dropped.set(29);
        redis_store.lost_content.set(30);
        leases.acquired.set(40);
        leases.held.set(41);
        leases.failed.set(42);
        leases.lost.set(43);
        lease_events.waiting.set(44);
        lease_events.told[0].set(45);
        lease_events.told[1].set(46);
        lease_events.told[2].set(48);
        lease_events.refused.set(47);

        pool_first.ok.set(31);
        pool_second.ok.set(1);
        pool_first.errors.set(33);
        pool_first.timeouts.set(34);
        pool_first.refused.set(35);
        pool_first.retries.set(36);
        pool_first.connects.set(37);
        pool_first.reused.set(38);
        pool_first.connections.set(39);
        pool_second.idle.set(40);
        pool_second.queued.set(41);
        pool_first.first_byte.observe(200ms);
        other_pool.ok.set(42);
    }

    [[nodiscard]] Sources sources() const {
        Sources sources;
        sources.workers = {&first, &second};
        sources.memory_budget = 4096;
        sources.redis = {&redis_first, &redis_second};
        sources.redis_store = {&redis_store};
        sources.leases = {&leases};
        sources.lease_events = &lease_events;
        sources.pools = [this] {
            using Named = std::pair<std::string, const upstream::PoolStats*>;
            return std::vector<Named>{{"default", &pool_first}, {"default", &pool_second}, {"other", &other_pool}};
        };
        return sources;
    }
};

}  // namespace

TEST_CASE("metrics: the sums of the workers' numbers") {
    const Node node;
    const Exposition exposition = parse(Metrics(node.sources()).expose());
    const std::pair<const char*, double> expected[] = {
        {"cache_hits_total", 4},
        {"cache_misses_total", 2},
        {"weir_requests_total{result=\"hit\",status=\"2xx\"}", 2},
        {"weir_requests_total{result=\"stale\",status=\"2xx\"}", 1},
        {"weir_requests_total{result=\"revalidated\",status=\"3xx\"}", 1},
        {"weir_requests_total{result=\"miss\",status=\"2xx\"}", 2},
        {"weir_requests_total{result=\"bypass\",status=\"2xx\"}", 1},
        {"weir_requests_total{result=\"error\",status=\"none\"}", 1},
        {"weir_requests_total{result=\"local\",status=\"2xx\"}", 1},
        {"weir_requests_total{result=\"local\",status=\"5xx\"}", 0},
        {"request_latency_seconds_count", 8},
        {"request_latency_seconds_sum", 60.20586},
        {"request_latency_seconds_bucket{le=\"5e-05\"}", 0},
        {"request_latency_seconds_bucket{le=\"0.0001\"}", 2},
        {"request_latency_seconds_bucket{le=\"0.001\"}", 5},
        {"request_latency_seconds_bucket{le=\"30\"}", 7},
        {"request_latency_seconds_bucket{le=\"+Inf\"}", 8},
        {"weir_request_duration_seconds_count{result=\"hit\"}", 3},
        {"weir_request_duration_seconds_count{result=\"miss\"}", 2},
        {"weir_request_duration_seconds_count{result=\"other\"}", 3},
        {"weir_request_duration_seconds_bucket{result=\"miss\",le=\"0.25\"}", 1},
        {"weir_tier_hits_total{tier=\"memory\"}", 2},
        {"weir_tier_hits_total{tier=\"redis\"}", 1},
        {"weir_forwarded_total{reason=\"uri-miss\"}", 1},
        {"weir_forwarded_total{reason=\"stale\"}", 1},
        {"weir_forwarded_total{reason=\"method\"}", 0},
        {"weir_uncacheable_total{reason=\"no-store\"}", 1},
        {"weir_stored_total", 1},
        {"weir_sent_bytes_total", 123},
        {"weir_connections", 7},
        {"weir_connections_total", 11},
        {"weir_connections_refused_total", 12},
        {"weir_malformed_requests_total", 13},
        {"weir_idle_connections_closed_total", 16},
        {"weir_tunnels", 3},
        {"weir_tunnels_total", 4},
        {"weir_limits_reached_total{limit=\"max_connections\"}", 14},
        {"weir_limits_reached_total{limit=\"descriptors\"}", 15},
        {"weir_memory_budget_bytes", 4096},
        {"weir_redis_commands_total{outcome=\"ok\"}", 22},
        {"weir_redis_commands_total{outcome=\"error\"}", 23},
        {"weir_redis_commands_total{outcome=\"timeout\"}", 24},
        {"weir_redis_commands_total{outcome=\"refused\"}", 25},
        {"weir_redis_refused_total{reason=\"disconnected\"}", 20},
        {"weir_redis_refused_total{reason=\"breaker\"}", 0},
        {"weir_redis_refused_total{reason=\"unsent\"}", 5},
        {"weir_redis_error_replies_total{kind=\"OOM\"}", 48},
        {"weir_redis_error_replies_total{kind=\"other\"}", 49},
        {"weir_redis_unsent_bytes", 50},
        {"weir_redis_breaker_state{state=\"closed\"}", 1},
        {"weir_redis_breaker_state{state=\"half_open\"}", 0},
        {"weir_redis_breaker_state{state=\"open\"}", 1},
        {"weir_redis_breaker_transitions_total{state=\"half_open\"}", 51},
        {"weir_redis_pending_put_bytes", 52},
        {"weir_redis_puts_refused_total", 53},
        {"weir_redis_reconnects_total", 26},
        {"weir_redis_commands_in_flight", 27},
        {"weir_redis_connected", 1},
        {"weir_redis_bad_records_total", 28},
        {"weir_redis_variants_dropped_total", 29},
        {"weir_redis_lost_content_total", 30},
        {"weir_redis_leases_total{outcome=\"acquired\"}", 40},
        {"weir_redis_leases_total{outcome=\"held\"}", 41},
        {"weir_redis_leases_total{outcome=\"failed\"}", 42},
        {"weir_redis_leases_lost_total", 43},
        {"weir_redis_lease_waiters", 44},
        {"weir_redis_lease_waits_total{outcome=\"stored\"}", 45},
        {"weir_redis_lease_waits_total{outcome=\"not_stored\"}", 46},
        {"weir_redis_lease_waits_total{outcome=\"failed\"}", 48},
        {"weir_redis_lease_waits_total{outcome=\"refused\"}", 47},
        {"weir_redis_command_duration_seconds_bucket{le=\"5e-05\"}", 1},
        {"weir_upstream_requests_total{upstream=\"default\",outcome=\"ok\"}", 32},
        {"weir_upstream_requests_total{upstream=\"default\",outcome=\"error\"}", 33},
        {"weir_upstream_requests_total{upstream=\"default\",outcome=\"timeout\"}", 34},
        {"weir_upstream_requests_total{upstream=\"default\",outcome=\"refused\"}", 35},
        {"weir_upstream_requests_total{upstream=\"other\",outcome=\"ok\"}", 42},
        {"weir_upstream_retries_total{upstream=\"default\"}", 36},
        {"weir_upstream_connects_total{upstream=\"default\"}", 37},
        {"weir_upstream_reused_total{upstream=\"default\"}", 38},
        {"weir_upstream_connections{upstream=\"default\",state=\"open\"}", 39},
        {"weir_upstream_connections{upstream=\"default\",state=\"idle\"}", 40},
        {"weir_upstream_queued{upstream=\"default\"}", 41},
        {"weir_upstream_duration_seconds_count{upstream=\"default\"}", 1},
        {"weir_upstream_duration_seconds_count{upstream=\"other\"}", 0},
        {"weir_build_info{version=\"" WEIR_VERSION "\"}", 1},
    };
    for (const auto& [sample, value] : expected) {
        CAPTURE(sample);
        REQUIRE(exposition.samples.count(sample) == 1);
        CHECK(exposition.samples.at(sample) == doctest::Approx(value));
    }
}

TEST_CASE("metrics: a node without parts has the same families, at zero") {
    const Node node;
    const Exposition full = parse(Metrics(node.sources()).expose());
    const Exposition empty = parse(Metrics(Sources{}).expose());
    CHECK(empty.types == full.types);
    CHECK(empty.helped == full.helped);
    for (const auto& [sample, value] : empty.samples) {
        CAPTURE(sample);
        if (!sample.starts_with("process_") && !sample.starts_with("weir_build_info")) CHECK(value == 0);
    }
    CHECK(empty.samples.count("weir_redis_connected") == 1);
    CHECK(empty.samples.count("weir_memory_bytes") == 1);
}

TEST_CASE("metrics: names, help and types by Prometheus' conventions") {
    const Node node;
    const std::string text = Metrics(node.sources()).expose();
    const Exposition exposition = parse(text);
    for (const auto& [family, type] : exposition.types) {
        CAPTURE(family);
        CHECK(exposition.helped.count(family) == 1);
        CHECK((type == "counter") == family.ends_with("_total"));
        if (type == "histogram") CHECK(family.ends_with("_seconds"));
    }

    if (std::system("command -v promtool >/dev/null") != 0) {
        MESSAGE("promtool is not installed: the exposition was checked by this test's own parser alone");
        return;
    }
    const tests::TemporaryFolder folder;
    std::ofstream(folder.file("metrics")) << text;
    CHECK(std::system(("promtool check metrics <" + folder.file("metrics")).c_str()) == 0);
}

TEST_CASE("metrics: what the process is") {
    const Exposition exposition = parse(Metrics(Sources{}).expose());
    const double now = std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
    CHECK(exposition.samples.at("process_start_time_seconds") <= now + 1);
    CHECK(exposition.samples.at("process_start_time_seconds") > now - 600);
    CHECK(exposition.samples.at("process_resident_memory_bytes") > 1e6);
    CHECK(exposition.samples.at("process_open_fds") >= 3);
    CHECK(exposition.samples.at("process_cpu_seconds_total") > 0);
}
