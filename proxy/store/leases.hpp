#pragma once
// Leases in Redis: of all nodes that want to fetch an object, the one that has its lease does.
//
//   weir:{http://host/path}:lease                        the holder's token, for an object without Vary
//   weir:{http://host/path}:lease accept-encoding=gzip   of a variant
//   weir:{log}:leases                                    a stream: how leases ended; the others wait for that
//
// A lease that nobody renews ends by its TTL: then the next one takes it. It saves fetches, no more: where Redis fails,
// everybody fetches, and that a fetch had the lease proves nothing to a store.

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <variant>

#include "proxy/store/lease_events.hpp"
#include "proxy/store/redis_client.hpp"

namespace proxy::store {

struct LeaseStats {
    Counter acquired;
    Counter held;    // another node had it
    Counter failed;  // Redis did not say
    Counter lost;    // found to be another's, or gone, when it was to be renewed
};

// A lease that is ours until it ends.
struct Lease {
    std::string name;
    std::string token;
};

// Somebody else has it, for so long if it is not renewed.
struct LeaseElsewhere {
    milliseconds left;
};

enum class Renewal { renewed, lost };

// On its client's worker.
class Leases {
 public:
    using Spawn = std::function<void(Awaitable<void>)>;  // runs a task of ours beside the caller's

    Leases(RedisClient& client, const RedisConfig& config, Spawn spawn);  // client and config outlive it
    Leases(const Leases&) = delete;
    Leases& operator=(const Leases&) = delete;

    // The lease on `key`: the primary key, or that of a variant.
    [[nodiscard]] std::string name_of(std::string_view primary_key, std::string_view key) const;

    // One round trip. An error: Redis did not say.
    Awaitable<Result<std::variant<Lease, LeaseElsewhere>>> acquire(std::string name);

    // Begins its time anew.
    Awaitable<Result<Renewal>> renew(const Lease& lease);

    // Where it is still ours: ends it, and tells all nodes how it ended.
    Awaitable<Result<void>> release(Lease lease, LeaseOutcome outcome);

    void spawn(Awaitable<void> task) const { spawn_(std::move(task)); }
    [[nodiscard]] Executor executor() const noexcept { return client_.executor(); }
    [[nodiscard]] milliseconds duration() const noexcept { return config_.lease; }
    [[nodiscard]] const LeaseStats& stats() const noexcept { return stats_; }

 private:
    std::string new_token();

    RedisClient& client_;
    const RedisConfig& config_;
    const Spawn spawn_;
    const std::string stream_;
    const std::string token_prefix_;
    std::uint64_t tokens_ = 0;
    LeaseStats stats_;
};

// The stream that releases are told by.
[[nodiscard]] std::string lease_stream(const RedisConfig& config);

// The right to fetch. While it lives its lease is renewed, every third of its time; dropped by any path, it is released
// as failed, so that the others need not wait for its end.
class HeldLease {
 public:
    HeldLease() = default;                   // none
    HeldLease(Leases& leases, Lease lease);  // `leases` outlives it
    HeldLease(HeldLease&& other) = default;
    HeldLease& operator=(HeldLease&& other) noexcept;
    ~HeldLease() { release(LeaseOutcome::failed); }

    explicit operator bool() const noexcept { return state_ != nullptr; }

    // Does not wait for Redis. Stored: what was fetched can be found in Redis by now. Nothing is left afterwards.
    void release(LeaseOutcome outcome);

 private:
    struct State;
    static Awaitable<void> keep(std::shared_ptr<State> state);
    static Awaitable<void> end(Leases& leases, Lease lease, LeaseOutcome outcome);

    std::shared_ptr<State> state_;
};

}  // namespace proxy::store
