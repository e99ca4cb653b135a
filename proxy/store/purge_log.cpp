#include "proxy/store/purge_log.hpp"

#include <algorithm>

#include "proxy/store/purge_record.hpp"
#include "proxy/store/stream_position.hpp"

namespace proxy::store {
namespace {

using Command = std::vector<std::string_view>;
using std::chrono::milliseconds;

constexpr std::chrono::hours time_to_live{30 * 24};
constexpr std::chrono::hours keep_alive_interval{1};

// KEYS: the log. ARGV: the highest position the caller knows; the length to trim to; the time to live in ms; "anew" or
// ""; the fields of the entry, none to append none. Makes the log where there is none, and begins it anew where asked,
// or where the entry would not be above that position. Returns the id of the entry, or of the log's last one.
//
// Ids are those of Redis' clock unless that is behind what the caller knows.
constexpr std::string_view script = R"(
local function add(id, ...) return redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[2], id, ...) end
local function numbers(id)
  local time, number = id:match('^(%d+)-(%d+)$')
  return tonumber(time), tonumber(number)
end
local known_time, known_number = numbers(ARGV[1])
local function is_above(id)
  local time, number = numbers(id)
  return time > known_time or (time == known_time and number > known_number)
end
local function begin()
  if not is_above(add('*', 'begin', '1')) then add(string.format('%.0f-0', known_time + 1), 'begin', '1') end
end
local type = redis.call('TYPE', KEYS[1]).ok
if type ~= 'stream' then redis.call('UNLINK', KEYS[1]) end
if ARGV[4] == 'anew' or type ~= 'stream' or redis.call('XLEN', KEYS[1]) == 0 then begin() end
local id
if #ARGV > 4 then
  id = add('*', unpack(ARGV, 5))
  if not is_above(id) then
    begin()
    id = add('*', unpack(ARGV, 5))
  end
else
  id = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)[1][1]
end
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return id
)";

WallClock now() { return std::chrono::floor<milliseconds>(std::chrono::system_clock::now()); }

rules::Time now_in_seconds() { return std::chrono::floor<std::chrono::seconds>(now()); }

// Of the id in [id, fields]; 0 where there is none.
std::uint64_t position_in(const Reply& entry) {
    return entry.elements.empty() ? 0 : position_of(entry.elements.front().text).value_or(0);
}

}  // namespace

PurgeLog::PurgeLog(Purges& purges, const PurgeConfig& config, const RedisConfig& redis)
    : purges_(purges), config_(config), stream_(redis.key_prefix + ":{log}:purges") {}

Awaitable<Result<std::uint64_t>> PurgeLog::run_script(RedisClient& client, const std::vector<std::string>& fields,
                                                      Log log) {
    const std::string known = stream_id(purges_.mark().position);
    const std::string length = std::to_string(config_.max_log);
    const std::string ttl = std::to_string(milliseconds(time_to_live).count());
    Command command{"EVAL", script, "1", stream_, known, length, ttl, log == Log::anew ? "anew" : ""};
    command.insert(command.end(), fields.begin(), fields.end());
    const Result<Reply> reply = co_await client.command(std::move(command));
    if (!reply) co_return reply.error();
    const auto position = position_of(reply->text);
    if (reply->type != Reply::Type::string || !position) co_return Errc::store_unavailable;
    co_return *position;
}

Awaitable<Result<std::uint64_t>> PurgeLog::append(RedisClient& client, const Purge& purge) {
    const std::vector<std::string> fields = encode_purge(purge, now());
    const Result<std::uint64_t> position = co_await run_script(client, fields, Log::as_it_is);
    if (position) purges_.apply(purge, *position, now_in_seconds());
    co_return position;
}

Awaitable<void> PurgeLog::append_or_keep(RedisClient& client, Purge purge) {
    const Result<std::uint64_t> position = co_await append(client, purge);
    if (!position) keep(std::move(purge));
}

// Redis must not be asked between the purge and its entry in the log: what it answers would count as newer than both.
void PurgeLog::keep(Purge purge) {
    {
        const std::lock_guard lock(mutex_);
        purges_.set_current(false);
        pending_.push_back(purge);
        if (pending_.size() > config_.max_pending) {
            pending_.clear();
            pending_.push_back({.everything = true});
            stats_.overflows.fetch_add(1);
        }
        stats_.pending = pending_.size();
    }
    purges_.apply(purge, 0, now_in_seconds());
}

Awaitable<Result<void>> PurgeLog::append_pending(RedisClient& client) {
    for (;;) {
        Purge purge;
        {
            const std::lock_guard lock(mutex_);
            if (pending_.empty()) co_return Result<void>();
            purge = std::move(pending_.front());
            pending_.pop_front();
            stats_.pending = pending_.size();
        }
        const Result<std::uint64_t> position = co_await append(client, purge);
        if (position) continue;
        const std::lock_guard lock(mutex_);
        pending_.push_front(std::move(purge));
        stats_.pending = pending_.size();
        co_return position.error();
    }
}

Awaitable<Result<std::uint64_t>> PurgeLog::begin(RedisClient& client) {
    const std::vector<std::string> no_entry;
    const Result<std::uint64_t> last = co_await run_script(client, no_entry, Log::as_it_is);
    if (!last) co_return last.error();
    co_return stats_.applied.load();
}

void PurgeLog::take(StreamEntry entry) {
    const std::uint64_t position = entry.position;
    const PurgeRecord record = decode_purge(std::move(entry));
    purges_.apply(record.purge, position, now_in_seconds());
    if (!record.understood) stats_.not_understood.add();
    stats_.applied = position;
    if (!caught_up_) return;
    stats_.records.add();
    if (record.appended) stats_.propagation.observe(std::max(milliseconds{0}, now() - *record.appended));
}

Awaitable<Result<std::uint64_t>> PurgeLog::after_read(RedisClient& client, std::uint64_t read) {
    const std::uint64_t known = purges_.mark().position;
    const Result<Bounds> found = co_await bounds(client);
    if (!found) co_return found.error();
    stats_.newest = std::max(found->last, known);
    const bool is_gone = found->first == 0;
    const bool is_another = !is_gone && (found->last < known || (found->first <= read_before_ && !found->has_before));
    if (is_gone || is_another) {
        stats_.gaps.add();
        const Log log = is_another ? Log::anew : Log::as_it_is;
        const std::vector<std::string> no_entry;
        const Result<std::uint64_t> last = co_await run_script(client, no_entry, log);
        if (!last) co_return last.error();
        read_before_ = *last;
        co_return read;  // how the log begins is yet to be read
    }
    if (found->first > read_before_) miss_before(found->first);
    read_before_ = std::max(read, found->first);

    const Result<void> appended = co_await append_pending(client);
    if (!appended) co_return appended.error();
    if (found->last == read) {
        const std::lock_guard lock(mutex_);
        purges_.set_current(pending_.empty());
        caught_up_ = true;
        settled_ = true;
    }
    co_await keep_alive(client);
    co_return read;
}

void PurgeLog::miss_before(std::uint64_t position) {
    if (read_before_ != 0) stats_.gaps.add();  // else it is the node that is new
    purges_.apply({.everything = true}, position, now_in_seconds());
}

Awaitable<Result<PurgeLog::Bounds>> PurgeLog::bounds(RedisClient& client) {
    const std::string id = stream_id(read_before_);
    std::vector<Command> commands(3);
    commands[0] = {"XRANGE", stream_, "-", "+", "COUNT", "1"};
    commands[1] = {"XREVRANGE", stream_, "+", "-", "COUNT", "1"};
    commands[2] = {"XRANGE", stream_, id, id};
    const Result<std::vector<Reply>> replies = co_await client.pipeline(std::move(commands));
    if (!replies) co_return replies.error();
    if (std::ranges::any_of(*replies, is_error)) co_return Errc::store_unavailable;
    const auto first_of = [](const Reply& reply) {
        return reply.elements.empty() ? 0 : position_in(reply.elements.front());
    };
    co_return Bounds{first_of((*replies)[0]), first_of((*replies)[1]), !(*replies)[2].elements.empty()};
}

// Also where nothing is purged for a month.
Awaitable<void> PurgeLog::keep_alive(RedisClient& client) {
    const auto time = std::chrono::steady_clock::now();
    if (time - kept_alive_ < keep_alive_interval && kept_alive_.time_since_epoch().count() != 0) co_return;
    kept_alive_ = time;
    const std::string ttl = std::to_string(milliseconds(time_to_live).count());
    Command expire{"PEXPIRE", stream_, ttl};
    co_await client.command(std::move(expire));
}

void PurgeLog::lost() {
    const std::lock_guard lock(mutex_);
    purges_.set_current(false);
    settled_ = true;
}

}  // namespace proxy::store
