#pragma once
// Every key of the file, once: what reads it, what prints it and what tests it walk these lists. A visitor has
//   scalar(key, value, format)   list(key, vector, format)   section(key, struct or optional struct)
// and fields(a struct, visitor) calls them for its members. `upstream`, `upstreams`, `routes` and the top-level `ttl`
// have a shape of their own: see read_config.

#include "proxy/config/formats.hpp"

namespace proxy::config {

inline constexpr std::uint64_t kib = 1ull << 10;
inline constexpr std::uint64_t mib = 1ull << 20;
inline constexpr std::uint64_t gib = 1ull << 30;
inline constexpr std::uint64_t many = 10'000'000;
inline constexpr Duration deadline{milliseconds{1}, std::chrono::hours{24}};

template <class Visitor>
void fields(UpstreamConfig& upstream, Visitor& visit) {
    visit.list("servers", upstream.servers, Server{});
    visit.scalar("host", upstream.host, Text{host_field_from});
    visit.scalar("max_connections", upstream.max_connections, Number{1, many});
    visit.scalar("max_idle_connections", upstream.max_idle_connections, Number{0, many});
    visit.scalar("max_queue", upstream.max_queue, Number{0, many});
    visit.scalar("connect_deadline", upstream.connect_deadline, deadline);
    visit.scalar("first_byte_deadline", upstream.first_byte_deadline, deadline);
    visit.scalar("between_bytes_deadline", upstream.between_bytes_deadline, deadline);
    visit.scalar("idle_timeout", upstream.idle_timeout, deadline);
}

template <class Visitor>
void fields(rules::KeyPolicy& key, Visitor& visit) {
    visit.scalar("host", key.host, Text{host_field_from});
    visit.scalar("path", key.path, Choice<rules::PathPolicy>{path_names});
    visit.scalar("query", key.query, Choice<rules::QueryPolicy>{query_names});
    visit.scalar("ignore_tracking", key.ignore_tracking, Switch{});
    visit.list("ignored_parameters", key.ignored_parameters, Text{parameter_from});
    visit.list("request_fields", key.request_fields, Text{key_field_from});
    visit.list("cookies", key.cookies, Text{token_from});
}

template <class Visitor>
void fields(rules::Policy& policy, Visitor& visit) {
    visit.scalar("ttl", policy.default_ttl, OptionalLifetime{});
    visit.scalar("ttl_override", policy.override_ttl, OptionalLifetime{});
    visit.list("targeted_fields", policy.targeted_fields, Text{token_from});
    visit.scalar("heuristics", policy.heuristics, Switch{});
    visit.scalar("heuristic_limit", policy.heuristic_limit, Lifetime{});
    visit.scalar("stale_while_revalidate", policy.stale_while_revalidate, Lifetime{});
    visit.scalar("stale_if_error", policy.stale_if_error, Lifetime{});
    visit.scalar("stale_when_disconnected", policy.stale_when_disconnected, Switch{});
    visit.scalar("grace", policy.grace, Lifetime{});
    visit.scalar("keep_for_validation", policy.keep_for_validation, Lifetime{});
    visit.scalar("early_refresh", policy.early_refresh, FactorOrOff{0.1, 10});
    visit.scalar("ttl_jitter", policy.ttl_jitter, Percent{50});
    visit.scalar("honour_request_directives", policy.honour_request_directives, Switch{});
    visit.scalar("set_cookie", policy.set_cookie, Choice<rules::SetCookiePolicy>{set_cookie_names});
    visit.list("surrogate_key_fields", policy.surrogate_key_fields, Text{token_from});
    visit.scalar("store_errors", policy.store_errors, Switch{});
    visit.scalar("match_extension", policy.match_extension, Switch{});
    visit.list("dropped_request_fields", policy.dropped_request_fields, Text{token_from});
    visit.section("key", policy.key);
}

template <class Visitor>
void fields(RouteConfig& route, Visitor& visit) {
    visit.scalar("host", route.host, Text{route_host_from});
    visit.scalar("path", route.path_prefix, Text{path_from});
    visit.scalar("upstream", route.upstream, Text{});
    visit.scalar("cache", route.cache, Switch{});
    visit.scalar("trace", route.trace, Switch{});
    visit.list("upgrade", route.upgrade, Text{protocol_from});
    visit.scalar("on_store_failure", route.on_store_failure, Choice<StoreFailure>{store_failure_names});
    fields(route.policy, visit);
}

template <class Visitor>
void fields(BreakerConfig& breaker, Visitor& visit) {
    visit.scalar("failures", breaker.failures, Number{1, many});
    visit.scalar("slow", breaker.slow, deadline);
    visit.scalar("slow_percent", breaker.slow_percent, Number{0, 100});
    visit.scalar("window", breaker.window, Number{1, many});
    visit.scalar("min_open", breaker.min_open, deadline);
    visit.scalar("max_open", breaker.max_open, deadline);
}

template <class Visitor>
void fields(RedisConfig& redis, Visitor& visit) {
    visit.scalar("host", redis.host, Text{redis_host_from});
    visit.scalar("port", redis.port, any_port);
    visit.scalar("unix_socket", redis.unix_socket, Text{socket_path_from});
    visit.scalar("database", redis.database, any_database);
    visit.scalar("username", redis.username, Text{});
    visit.scalar("password", redis.password, Secret{});
    visit.scalar("key_prefix", redis.key_prefix, Text{key_prefix_from});
    visit.scalar("command_budget", redis.command_budget, deadline);
    visit.scalar("connect_deadline", redis.connect_deadline, deadline);
    visit.scalar("reconnect_min", redis.reconnect_min, deadline);
    visit.scalar("reconnect_max", redis.reconnect_max, deadline);
    visit.section("breaker", redis.breaker);
    visit.scalar("max_queue", redis.max_queue, Number{1, many});
    visit.scalar("max_unsent", redis.max_unsent, Size{0, 1024 * gib});
    visit.scalar("max_pending_bytes", redis.max_pending_bytes, Size{0, 1024 * gib});
    visit.scalar("max_object_size", redis.max_object_size, Size{0, 4 * gib});
    visit.scalar("chunk_size", redis.chunk_size, Size{4 * kib, 16 * mib});
    visit.scalar("content_grace", redis.content_grace, Duration{milliseconds{0}, std::chrono::hours{24}});
    visit.scalar("max_variants", redis.max_variants, Number{1, many});
    visit.scalar("lease", redis.lease, Duration{milliseconds{10}, std::chrono::hours{1}});
    visit.scalar("max_lease_waiters", redis.max_lease_waiters, Number{0, many});
}

template <class Visitor>
void fields(MemoryConfig& memory, Visitor& visit) {
    visit.scalar("budget", memory.budget, Size{0, 1024 * gib});
    visit.scalar("max_object_size", memory.max_object_size, Size{0, 1024 * gib});
    visit.scalar("max_variants", memory.max_variants, Number{1, many});
    visit.scalar("shards", memory.shards, PowerOfTwo{1024});
}

template <class Visitor>
void fields(CollapseConfig& collapse, Visitor& visit) {
    visit.scalar("window", collapse.window, Size{128 * kib, 64 * mib});
    visit.scalar("max_bytes", collapse.max_bytes, Size{0, 1024 * gib});
    visit.scalar("slow_reader_deadline", collapse.slow_reader_deadline, deadline);
    visit.scalar("hit_for_miss", collapse.hit_for_miss, Duration{milliseconds{0}, std::chrono::hours{24}});
    visit.scalar("max_marks", collapse.max_marks, Number{1, many});
    visit.scalar("max_background", collapse.max_background, Number{0, many});
}

template <class Visitor>
void fields(AdminConfig& admin, Visitor& visit) {
    visit.scalar("listen", admin.listen, AdminAddress{});
    visit.scalar("token", admin.token, Secret{});
}

template <class Visitor>
void fields(PurgeConfig& purge, Visitor& visit) {
    visit.list("allow", purge.allow, Addresses{});
    visit.scalar("token", purge.token, Secret{});
    visit.scalar("max_things", purge.max_things, Number{1, 3'000});
    visit.scalar("max_entries", purge.max_entries, Number{1, many});
    visit.scalar("max_log", purge.max_log, Number{1, many});
    visit.scalar("max_pending", purge.max_pending, Number{1, many});
}

template <class Visitor>
void fields(LimitsConfig& limits, Visitor& visit) {
    visit.scalar("max_connections", limits.max_connections, Number{1, many});
    visit.scalar("max_connections_per_client", limits.max_connections_per_client, Number{1, many});
    visit.list("exempt_clients", limits.exempt_clients, Addresses{});
    visit.scalar("max_requests_per_connection", limits.max_requests_per_connection, Number{1, many});
    visit.scalar("max_header_size", limits.max_header_size, Size{kib, 16 * mib});
    visit.scalar("max_target_size", limits.max_target_size, Size{256, mib});
    visit.scalar("max_header_fields", limits.max_header_fields, Number{10, 100'000});
    visit.scalar("max_request_body", limits.max_request_body, Size{0, 1024 * gib});
    visit.scalar("max_response_header_size", limits.max_response_header_size, Size{kib, 16 * mib});
    visit.scalar("max_response_header_fields", limits.max_response_header_fields, Number{10, 100'000});
    visit.scalar("header_deadline", limits.header_deadline, deadline);
    visit.scalar("body_deadline", limits.body_deadline, deadline);
    visit.scalar("min_body_rate", limits.min_body_rate, Size{0, gib});
    visit.scalar("body_rate_grace", limits.body_rate_grace, deadline);
    visit.scalar("write_deadline", limits.write_deadline, deadline);
    visit.scalar("keep_alive_timeout", limits.keep_alive_timeout, deadline);
    visit.scalar("tunnel_timeout", limits.tunnel_timeout, deadline);
    visit.scalar("max_buffers", limits.max_buffers, Size{mib, 1024 * gib});
}

template <class Visitor>
void fields(LogConfig& log, Visitor& visit) {
    visit.scalar("level", log.level, Choice<LogLevel>{log_level_names});
    visit.scalar("access", log.access, TextOrOff{});
}

template <class Visitor>
void fields(Config& config, Visitor& visit) {
    visit.list("listen", config.listen, ListenAddress{});
    visit.section("admin", config.admin);
    visit.section("redis", config.redis);
    visit.section("memory", config.memory);
    visit.section("collapse", config.collapse);
    visit.section("purge", config.purge);
    visit.section("limits", config.limits);
    visit.section("log", config.log);
    visit.list("local", config.local, Text{local_path_from});
    visit.scalar("workers", config.workers, worker_count);
    visit.scalar("name", config.name, Text{token_from});
    visit.scalar("drain_delay", config.drain_delay, Duration{milliseconds{0}, std::chrono::hours{24}});
    visit.scalar("drain_deadline", config.drain_deadline, Duration{milliseconds{0}, std::chrono::hours{24}});
}

}  // namespace proxy::config
