#include "proxy/config/settings.hpp"

#include <functional>

#include "proxy/config/formats.hpp"

namespace proxy::config {
namespace {

using Values = std::vector<std::string>;

void set_listen(Draft& draft, const Values& values) {
    draft.config.listen.clear();
    for (const std::string& value : values) ListenAddress{}.read(value, draft.config.listen.emplace_back());
}

// The servers of the upstream "default"; its settings stay as the file has them.
void set_upstream(Draft& draft, const Values& values) {
    UpstreamConfig* upstream = find_upstream(draft, "default");
    if (!upstream) upstream = &draft.config.upstreams.emplace_back();
    upstream->servers.clear();
    for (const std::string& value : values) Server{}.read(value, upstream->servers.emplace_back());
}

RedisConfig& redis_of(Draft& draft) { return draft.config.redis ? *draft.config.redis : draft.config.redis.emplace(); }

void set_redis(Draft& draft, const Values& values) {
    if (values.back() == "off") {
        draft.config.redis.reset();
    } else {
        apply_redis_url(redis_of(draft), values.back());
    }
}

void set_admin(Draft& draft, const Values& values) { AdminAddress{}.read(values.back(), draft.config.admin.listen); }

void set_admin_token(Draft& draft, const Values& values) { draft.config.admin.token = values.back(); }

void set_ttl(Draft& draft, const Values& values) { OptionalLifetime{}.read(values.back(), draft.ttl); }

void set_workers(Draft& draft, const Values& values) { worker_count.read(values.back(), draft.config.workers); }

void set_log_level(Draft& draft, const Values& values) {
    Choice<LogLevel>{log_level_names}.read(values.back(), draft.config.log.level);
}

void set_access_log(Draft& draft, const Values& values) { TextOrOff{}.read(values.back(), draft.config.log.access); }

constexpr Setting all_settings[] = {
    {"--listen", "HOST:PORT", "WEIR_LISTEN", "where clients connect; may be repeated", true, set_listen},
    {"--upstream", "URL", "WEIR_UPSTREAM", "the origin, http://host:port; may be repeated", true, set_upstream},
    {"--redis", "URL", "WEIR_REDIS", "redis://[user:password@]host:port/db, unix:///path or off", false, set_redis},
    {"--admin", "HOST:PORT", "WEIR_ADMIN", "where metrics and health are, or off", false, set_admin},
    {"--admin-token", "TOKEN", "WEIR_ADMIN_TOKEN", "what operators need to purge; better as the variable", false,
     set_admin_token},
    {"--ttl", "DURATION", "WEIR_TTL", "lifetime where the origin names none, such as 300s, or off", false, set_ttl},
    {"--workers", "N", "WEIR_WORKERS", "threads; 0: one per processor", false, set_workers},
    {"--log-level", "LEVEL", "WEIR_LOG_LEVEL", "debug, info, warning or error", false, set_log_level},
    {"--access-log", "FILE", "WEIR_ACCESS_LOG", "a line of JSON per request; -: standard output", false,
     set_access_log},
};

struct DemoVariable {
    const char* name;
    void (*apply)(Draft& draft, const std::string& value);
};

void set_redis_host(Draft& draft, const std::string& value) {
    redis_of(draft).host = redis_host_from(value);
    redis_of(draft).unix_socket.clear();
}

void set_redis_port(Draft& draft, const std::string& value) { any_port.read(value, redis_of(draft).port); }

void set_redis_database(Draft& draft, const std::string& value) { any_database.read(value, redis_of(draft).database); }

// A bare number are seconds here: the demo has always been so configured.
void set_redis_ttl(Draft& draft, const std::string& value) {
    const bool bare = value.find_first_not_of("0123456789") == std::string::npos;
    Lifetime{}.read(bare ? value + 's' : value, draft.ttl.emplace());
}

constexpr DemoVariable demo_variables[] = {{"REDIS_HOST", set_redis_host},
                                           {"REDIS_PORT", set_redis_port},
                                           {"REDIS_DB", set_redis_database},
                                           {"REDIS_TTL", set_redis_ttl}};

Values split_at_commas(std::string_view text) {
    Values parts;
    for (;;) {
        const std::size_t comma = text.find(',');
        parts.emplace_back(text.substr(0, comma));
        if (comma == std::string_view::npos) return parts;
        text.remove_prefix(comma + 1);
    }
}

void apply(const char* where, Problems& problems, const std::function<void()>& change) {
    try {
        change();
    } catch (const BadValue& bad) {
        problems.elsewhere(where, bad.what());
    }
}

}  // namespace

std::span<const Setting> settings() { return all_settings; }

void apply_environment(const Environment& environment, Draft& draft, Problems& problems) {
    const auto given = [&environment](const char* name) -> std::string {
        const char* value = environment(name);
        return value ? value : "";
    };
    for (const DemoVariable& variable : demo_variables) {
        const std::string value = given(variable.name);
        if (!value.empty()) apply(variable.name, problems, [&] { variable.apply(draft, value); });
    }
    for (const Setting& setting : all_settings) {
        const std::string value = given(setting.variable);
        if (value.empty()) continue;
        const Values values = setting.repeatable ? split_at_commas(value) : Values{value};
        apply(setting.variable, problems, [&] { setting.apply(draft, values); });
    }
}

void apply_flags(const std::vector<Flag>& flags, Draft& draft, Problems& problems) {
    for (const Setting& setting : all_settings) {
        Values values;
        for (const Flag& flag : flags)
            if (flag.name == setting.flag) values.push_back(flag.value);
        if (values.empty()) continue;
        if (values.size() > 1 && !setting.repeatable)
            problems.elsewhere(setting.flag, "is given twice, expected it once");
        apply(setting.flag, problems, [&] { setting.apply(draft, values); });
    }
}

}  // namespace proxy::config
