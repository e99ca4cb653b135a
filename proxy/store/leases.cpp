// Only who knows the token changes a lease: each step that does compares first, within Redis. The event follows the
// deletion in the same pipeline, so whoever is told may take the lease at once.
#include "proxy/store/leases.hpp"

#include <algorithm>
#include <random>

#include "proxy/store/redis_names.hpp"

namespace proxy::store {
namespace {

using Command = std::vector<std::string_view>;

constexpr std::string_view events_kept = "1000";      // in the stream, about
constexpr std::string_view seconds_of_events = "60";  // its TTL

// KEYS: the lease. ARGV: the token; the time to live in ms. Returns 1, or 0 where it is not ours.
constexpr std::string_view renew_script = R"(
if redis.pcall('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])
)";

// KEYS: the lease. ARGV: the token.
constexpr std::string_view release_script = R"(
if redis.pcall('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('UNLINK', KEYS[1])
)";

std::string random_prefix() {
    std::random_device random;
    char digits[18];
    std::snprintf(digits, sizeof digits, "%08x%08x.", random(), random());
    return digits;
}

}  // namespace

std::string lease_stream(const RedisConfig& config) { return redis_name(config.key_prefix, "log") + ":leases"; }

Leases::Leases(RedisClient& client, const RedisConfig& config, Spawn spawn)
    : client_(client),
      config_(config),
      spawn_(std::move(spawn)),
      stream_(lease_stream(config)),
      token_prefix_(random_prefix()) {}

std::string Leases::name_of(std::string_view primary_key, std::string_view key) const {
    std::string name = redis_name(config_.key_prefix, primary_key) + ":lease";
    name += key.substr(std::min(primary_key.size(), key.size()));
    return name;
}

std::string Leases::new_token() { return token_prefix_ + std::to_string(++tokens_); }

Awaitable<Result<std::variant<Lease, LeaseElsewhere>>> Leases::acquire(std::string name) {
    Lease lease{std::move(name), new_token()};
    const std::string ttl = std::to_string(config_.lease.count());
    std::vector<Command> commands(2);
    commands[0] = {"SET", lease.name, lease.token, "NX", "PX", ttl};
    commands[1] = {"PTTL", lease.name};
    const Result<std::vector<Reply>> replies = co_await client_.pipeline(std::move(commands));
    if (!replies || std::ranges::any_of(*replies, is_error)) {
        stats_.failed.add();
        co_return replies ? make_error_code(Errc::store_unavailable) : replies.error();
    }
    if (replies->front().type == Reply::Type::status) {
        stats_.acquired.add();
        co_return std::variant<Lease, LeaseElsewhere>(std::move(lease));
    }
    stats_.held.add();
    constexpr std::int64_t no_ttl = -1;
    const std::int64_t longest = config_.lease.count();
    if (replies->back().integer == no_ttl) {  // not of ours, and nobody would ever have it
        Command unlink{"UNLINK", lease.name};
        co_await client_.command(std::move(unlink));
    } else if (replies->back().integer > longest) {  // likewise; or of a node that has it for longer, and renews it
        Command shorten{"PEXPIRE", lease.name, ttl};
        co_await client_.command(std::move(shorten));
    }
    const std::int64_t left = std::clamp<std::int64_t>(replies->back().integer, 0, longest);
    co_return std::variant<Lease, LeaseElsewhere>(LeaseElsewhere{milliseconds{left}});
}

Awaitable<Result<Renewal>> Leases::renew(const Lease& lease) {
    const std::string ttl = std::to_string(config_.lease.count());
    Command renew{"EVAL", renew_script, "1", lease.name, lease.token, ttl};
    const Result<Reply> reply = co_await client_.command(std::move(renew));
    if (!reply) co_return reply.error();
    if (reply->type != Reply::Type::integer) co_return Errc::store_unavailable;
    if (reply->integer == 1) co_return Renewal::renewed;
    stats_.lost.add();
    co_return Renewal::lost;
}

Awaitable<Result<void>> Leases::release(Lease lease, LeaseOutcome outcome) {
    Command end{"EVAL", release_script, "1", lease.name, lease.token};
    const Result<Reply> ended = co_await client_.command(std::move(end));
    if (!ended) co_return ended.error();
    if (ended->integer != 1) co_return Result<void>();  // another node has it now: its outcome counts
    std::vector<Command> commands(2);
    commands[0] = {"XADD", stream_, "MAXLEN",   "~",       events_kept,
                   "*",    "lease", lease.name, "outcome", to_string(outcome)};
    commands[1] = {"EXPIRE", stream_, seconds_of_events};
    const Result<std::vector<Reply>> replies = co_await client_.pipeline(std::move(commands));
    if (!replies) co_return replies.error();
    if (std::ranges::any_of(*replies, is_error)) co_return Errc::store_unavailable;
    co_return Result<void>();
}

struct HeldLease::State {
    State(Leases& owner, Lease held, Executor executor) : leases(owner), lease(std::move(held)), renewal(executor) {}
    Leases& leases;
    const Lease lease;
    Timer renewal;
    bool released = false;
};

HeldLease::HeldLease(Leases& leases, Lease lease)
    : state_(std::make_shared<State>(leases, std::move(lease), leases.executor())) {
    leases.spawn(keep(state_));
}

HeldLease& HeldLease::operator=(HeldLease&& other) noexcept {
    std::swap(state_, other.state_);
    return *this;
}

void HeldLease::release(LeaseOutcome outcome) {
    const auto state = std::exchange(state_, nullptr);
    if (!state) return;
    state->released = true;
    state->renewal.cancel();
    state->leases.spawn(end(state->leases, state->lease, outcome));
}

// Where Redis does not answer, the next third may do.
Awaitable<void> HeldLease::keep(std::shared_ptr<State> state) {
    while (!state->released) {
        state->renewal.expires_after(state->leases.duration() / 3);
        co_await state->renewal.async_wait(as_result);
        if (state->released) co_return;
        const Result<Renewal> renewed = co_await state->leases.renew(state->lease);
        if (renewed && *renewed == Renewal::lost) co_return;
    }
}

// A failure is counted by the client; the lease ends by its TTL then.
Awaitable<void> HeldLease::end(Leases& leases, Lease lease, LeaseOutcome outcome) {
    co_await leases.release(std::move(lease), outcome);
}

}  // namespace proxy::store
