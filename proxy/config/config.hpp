#pragma once
// The whole configuration as plain structs; defaults stand here. Loaded and checked by load_config.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "proxy/config/address_range.hpp"
#include "proxy/rules/policy.hpp"

namespace proxy {

using std::chrono::milliseconds;
using std::chrono::seconds;

struct Endpoint {
    std::string host;
    std::uint16_t port = 0;  // 0: any free port; the log says which
    friend bool operator==(const Endpoint&, const Endpoint&) = default;
};

// A named pool of servers that answer alike.
struct UpstreamConfig {
    std::string name = "default";
    std::vector<Endpoint> servers;          // required, at least one
    std::string host;                       // sent as Host; empty: the client's is kept
    std::size_t max_connections = 512;      // concurrent exchanges, shared out among the workers
    std::size_t max_idle_connections = 64;  // kept open for reuse, per worker
    std::size_t max_queue = 1024;           // requests that wait for a connection, per worker
    milliseconds connect_deadline{3'000};
    milliseconds first_byte_deadline{30'000};     // request sent to response header complete
    milliseconds between_bytes_deadline{15'000};  // no progress for so long while a body is read or sent
    milliseconds idle_timeout{55'000};            // an unused connection is closed after so long
    friend bool operator==(const UpstreamConfig&, const UpstreamConfig&) = default;
};

enum class StoreFailure { bypass, fail };  // Redis is unavailable: go on without it, or answer 503

// Requests whose host and path match; the first matching route of the list is taken.
struct RouteConfig {
    std::string host;  // empty: any; lower case, without port
    std::string path_prefix = "/";
    std::string upstream = "default";
    bool cache = true;                 // false: every request is forwarded, nothing is stored
    bool trace = false;                // whether TRACE is forwarded, or answered 405
    std::vector<std::string> upgrade;  // protocols that may take over a connection, such as websocket
    StoreFailure on_store_failure = StoreFailure::bypass;
    rules::Policy policy;
};

// When Redis is left alone for a while.
struct BreakerConfig {
    std::size_t failures = 5;       // commands or connections that failed in a row
    milliseconds slow{50};          // an answer that took longer
    std::size_t slow_percent = 50;  // of the last `window` answers; 0: slowness does not matter
    std::size_t window = 100;
    milliseconds min_open{250};  // before a probe, doubled with jitter up to max_open
    milliseconds max_open{5'000};
};

struct RedisConfig {
    std::string host = "127.0.0.1";
    std::uint16_t port = 6379;
    std::string unix_socket;  // instead of host and port
    std::uint32_t database = 0;
    std::string username;  // ACL user; empty: the default user
    std::string password;
    std::string key_prefix = "weir";
    milliseconds command_budget{100};  // a look-up waits no longer; then the connection is dropped
    milliseconds connect_deadline{1'000};
    milliseconds reconnect_min{50};  // back-off, doubled with jitter up to reconnect_max
    milliseconds reconnect_max{2'000};
    BreakerConfig breaker;
    std::size_t max_queue = 4'096;              // commands in flight per worker; one more is refused
    std::size_t max_unsent = 8u << 20;          // bytes of commands that Redis has not taken yet; more are refused
    std::size_t max_pending_bytes = 64u << 20;  // content on its way to Redis, per worker; more stays in memory only
    std::size_t max_object_size = 8u << 20;     // bytes of content; larger responses are not stored in Redis
    std::size_t chunk_size = 256u << 10;        // content above this is split in values no larger
    milliseconds content_grace{30'000};         // split content that was replaced stays for those who read it
    std::size_t max_variants = 1'000;           // under one primary key; for one more the oldest goes
    milliseconds lease{2'000};               // to fetch alone; renewed meanwhile, so others wait no longer for the dead
    std::size_t max_lease_waiters = 10'000;  // per node; one more fetches at once
};

struct MemoryConfig {
    std::size_t budget = 256u << 20;         // bytes, overhead included. 0: no memory tier
    std::size_t max_object_size = 8u << 20;  // bytes of content
    std::size_t max_variants = 100;          // under one primary key; for one more the oldest goes
    std::size_t shards = 16;                 // a power of two
};

// One request to the origin for all who ask for the same.
struct CollapseConfig {
    std::size_t window = 512u << 10;           // bytes held of a response that will not be stored, for its readers
    std::size_t max_bytes = 256u << 20;        // of content on its way into the store, all together; more is not stored
    milliseconds slow_reader_deadline{5'000};  // a client that keeps others from such a response so long is cut off
    milliseconds hit_for_miss{5'000};          // after an answer that is not for others nobody waits for the next
    std::size_t max_marks = 10'000;            // of those; for one more the oldest goes
    std::size_t max_background = 256;          // fetches that no client waits for, per worker
};

struct AdminConfig {
    std::optional<Endpoint> listen = Endpoint{"127.0.0.1", 9180};  // none: no admin listener
    std::string token;  // asked for where something is changed; required unless only this machine can connect
};

// Who may purge where clients connect, and how much is remembered of it.
struct PurgeConfig {
    std::vector<AddressRange> allow;    // without a token
    std::string token;                  // empty: nobody has one
    std::size_t max_things = 1'000;     // in one request
    std::size_t max_entries = 100'000;  // purged things remembered by a node; see store::Purges
    std::size_t max_log = 100'000;      // entries of the log in Redis, about
    std::size_t max_pending = 1'000;    // of an origin's doing while Redis is away; more: everything
};

// What one client may take.
struct LimitsConfig {
    std::size_t max_connections = 10'000;                       // shared out among the workers
    std::size_t max_connections_per_client = 1'000;             // of one address, or one /64 of IPv6: 429
    std::vector<AddressRange> exempt_clients = this_machine();  // for which that does not count
    std::size_t max_requests_per_connection = 10'000;           // the answer to the last one ends it
    std::size_t max_header_size = 32u << 10;                    // bytes of a request's header section; more: 431
    std::size_t max_target_size = 8u << 10;                     // bytes of the request target; more: 414
    std::size_t max_header_fields = 100;                        // field lines; more: 431
    std::uint64_t max_request_body = 1ull << 30;                // bytes; more: 413
    std::size_t max_response_header_size = 64u << 10;           // bytes of an origin's header section; more: 502
    std::size_t max_response_header_fields = 200;               // field lines, of a trailer section too; more: 502
    milliseconds header_deadline{10'000};                       // first byte of a request to its header complete: 408
    milliseconds body_deadline{15'000};                         // no progress for so long while a request body is read
    std::size_t min_body_rate = 500;                            // bytes a second of a request body, on average. 0: any
    milliseconds body_rate_grace{20'000};                       // waited for it all in all before that counts
    milliseconds write_deadline{30'000};                        // no progress for so long while an answer is written
    milliseconds keep_alive_timeout{60'000};                    // an idle connection is closed after so long
    milliseconds tunnel_timeout{600'000};      // another protocol took over: no byte in either direction for so long
    std::uint64_t max_buffers = 512ull << 20;  // bytes of all connections and transfers; beyond, what needs more: 503
};

enum class LogLevel { debug, info, warning, error };

struct LogConfig {
    LogLevel level = LogLevel::info;
    std::string access;  // file of the access log (JSON lines); "-": standard output; empty: none
};

struct Config {
    std::vector<Endpoint> listen{{"127.0.0.1", 8080}};
    AdminConfig admin;
    std::vector<UpstreamConfig> upstreams;  // at least one
    std::vector<RouteConfig> routes;        // at least one; the last matches everything
    std::optional<RedisConfig> redis;       // none: memory tier alone
    MemoryConfig memory;
    CollapseConfig collapse;
    PurgeConfig purge;
    LimitsConfig limits;
    LogConfig log;
    std::vector<std::string> local;       // paths of the admin endpoints also answered on the traffic listener
    unsigned workers = 0;                 // threads; 0: one per processor
    std::string name = "weir";            // in Via
    milliseconds drain_delay{0};          // SIGTERM: so long /readyz fails before the listeners close
    milliseconds drain_deadline{10'000};  // then exchanges in flight may take so long
};

}  // namespace proxy
