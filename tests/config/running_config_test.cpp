#include "proxy/config/running_config.hpp"

#include <doctest/doctest.h>

#include "tests/config/config_helpers.hpp"

namespace proxy {
namespace {

using Keys = std::vector<std::string>;

const std::string start = "upstream: http://a\nworkers: 2\nredis: redis://:one@r\n";

TEST_CASE("running config: what a node takes over, and what needs a restart") {
    struct Row {
        const char* name;
        std::string yaml;
        Keys kept;
    };
    const Row rows[] = {
        {"the same", start, {}},
        {"upstreams and routes", "upstream: http://b\nworkers: 2\nredis: redis://:one@r\nttl: 5s\n", {}},
        {"limits and what stands alone",
         start + "limits: {max_buffers: 1MiB, exempt_clients: []}\nname: x\ndrain_delay: 1s\nlocal: /livez\n"
                 "log: {level: error}\nadmin: {token: t}\npurge: {token: t, allow: 10.0.0.0/8, max_things: 5}\n",
         {}},
        {"sockets", start + "listen: 1.2.3.4:5\nadmin: '127.0.0.1:1'\n", {"admin.listen", "listen"}},
        {"a secret of Redis", "upstream: http://a\nworkers: 2\nredis: redis://:two@r\n", {"redis.password"}},
        {"no Redis any more", "upstream: http://a\nworkers: 2\n", {"redis"}},
        {"what stores are made of",
         start + "memory: {shards: 2}\ncollapse: {window: 1MiB}\npurge: {max_entries: 1, max_log: 2, max_pending: 3}\n",
         {"collapse.window", "memory.shards", "purge.max_entries", "purge.max_log", "purge.max_pending"}},
        {"threads and files",
         "upstream: http://a\nredis: redis://:one@r\nworkers: 3\nlog: {access: '-'}\n",
         {"log.access", "workers"}},
    };
    for (const Row& row : rows) {
        CAPTURE(row.name);
        RunningConfig running(load(start));
        const auto before = running.get();
        const std::uint64_t hash = running.stats().hash;
        CHECK(running.replace(load(row.yaml)) == row.kept);
        CHECK(running.stats().succeeded == 1);
        CHECK(before->upstreams.at(0).servers.at(0).host == "a");  // whoever holds it has it unchanged
        CHECK(running.get()->workers == 2);
        CHECK(running.get()->redis->password == "one");
        const bool changed = row.yaml != start && row.kept.empty();
        CHECK((running.stats().hash != hash) == changed);
    }
}

TEST_CASE("running config: an address that stays keeps its token") {
    RunningConfig running(load("upstream: http://a\nadmin: {listen: '0.0.0.0:1', token: secret}\n"));
    CHECK(running.replace(load("upstream: http://a\nadmin: '127.0.0.1:1'\n")) == Keys{"admin.listen", "admin.token"});
    CHECK(running.get()->admin.token == "secret");
}

TEST_CASE("running config: what could not be loaded changes nothing") {
    RunningConfig running(load(start));
    const auto before = running.get();
    running.replace_failed();
    CHECK(running.get() == before);
    CHECK_FALSE(running.stats().last_successful);
    CHECK(running.stats().failed == 1);
    CHECK(running.replace(load(start)).empty());
    CHECK(running.stats().last_successful);
}

}  // namespace
}  // namespace proxy
