#include "proxy/store/redis_feed.hpp"

#include <algorithm>
#include <limits>

#include "proxy/store/stream_position.hpp"

namespace proxy::store {
namespace {

constexpr std::string_view batch = "50";  // entries of each stream in one reply, which has its limit (RedisLink)
constexpr std::chrono::milliseconds retry_pause{200};

// An idle read takes longest_wait. Redis answers it when it gets to it. No request waits for that: a breaker would
// spare nobody anything.
RedisConfig patient(RedisConfig config) {
    config.breaker.failures = std::numeric_limits<std::size_t>::max();
    config.command_budget = RedisFeed::longest_wait + std::max(config.command_budget, RedisFeed::longest_wait);
    config.breaker.slow_percent = 0;  // waiting is what it is for
    return config;
}

// Reads what is new.
class Newest final : public StreamReader {
 public:
    Newest(std::string stream, std::function<void(StreamEntry)> handler)
        : stream_(std::move(stream)), handler_(std::move(handler)) {}

    Awaitable<Result<std::uint64_t>> begin(RedisClient& client) override {
        std::vector<std::string_view> last{"XREVRANGE", stream_, "+", "-", "COUNT", "1"};
        const Result<Reply> reply = co_await client.command(std::move(last));
        if (!reply) co_return reply.error();
        if (reply->text.starts_with("WRONGTYPE")) {  // or it would keep the other streams from being read
            std::vector<std::string_view> unlink{"UNLINK", stream_};
            co_await client.command(std::move(unlink));
        }
        if (reply->elements.empty() || reply->elements.front().elements.empty()) co_return std::uint64_t{0};
        co_return position_of(reply->elements.front().elements.front().text).value_or(0);
    }

    void take(StreamEntry entry) override { handler_(std::move(entry)); }

 private:
    const std::string stream_;
    const std::function<void(StreamEntry)> handler_;
};

// [id, [name, value, ...]]
std::optional<StreamEntry> entry_from(Reply& reply) {
    if (reply.elements.size() != 2) return std::nullopt;
    const auto position = position_of(reply.elements[0].text);
    if (!position) return std::nullopt;
    StreamEntry entry{.position = *position, .fields = {}};
    for (Reply& text : reply.elements[1].elements) entry.fields.push_back(std::move(text.text));
    return entry;
}

}  // namespace

std::string_view StreamEntry::field(std::string_view name) const noexcept {
    for (std::size_t i = 0; i + 1 < fields.size(); i += 2)
        if (fields[i] == name) return fields[i + 1];
    return {};
}

Awaitable<Result<std::uint64_t>> StreamReader::after_read(RedisClient&, std::uint64_t read) { co_return read; }

RedisFeed::RedisFeed(Executor executor, const RedisConfig& config)
    : wake_(executor), client_(executor, patient(config), [this](bool, std::string_view) {
          for (const Followed& stream : streams_)
              if (!client_.stats().connected) stream.reader->lost();
          wake_.cancel();
      }) {}

void RedisFeed::follow(std::string stream, StreamReader& reader) { streams_.push_back({std::move(stream), &reader}); }

void RedisFeed::follow(std::string stream, std::function<void(StreamEntry)> handler) {
    own_readers_.push_back(std::make_unique<Newest>(stream, std::move(handler)));
    follow(std::move(stream), *own_readers_.back());
}

Awaitable<void> RedisFeed::run() {
    client_.start();
    while (!stopped_) {
        if (!client_.stats().connected) {
            co_await pause(Timer::duration::max());
            continue;
        }
        co_await read_while_connected();
        for (const Followed& stream : streams_) stream.reader->lost();
        if (client_.stats().connected) co_await pause(retry_pause);  // Redis answers, but not what was asked
    }
}

void RedisFeed::stop() {
    stopped_ = true;
    client_.stop();
    wake_.cancel();
}

Awaitable<void> RedisFeed::pause(Timer::duration duration) {
    if (stopped_) co_return;
    if (duration == Timer::duration::max())
        wake_.expires_at(Timer::time_point::max());
    else
        wake_.expires_after(duration);
    co_await wake_.async_wait(as_result);
}

Awaitable<void> RedisFeed::read_while_connected() {
    for (Followed& stream : streams_) {
        const Result<std::uint64_t> position = co_await stream.reader->begin(client_);
        if (!position) co_return;
        stream.position = *position;
    }
    for (auto wait = std::chrono::milliseconds{0}; !stopped_; wait = longest_wait) {
        const Result<void> read = co_await read_once(wait);
        if (!read) co_return;
    }
}

// `wait` of 0: does not wait.
Awaitable<Result<void>> RedisFeed::read_once(std::chrono::milliseconds wait) {
    const std::string block = std::to_string(wait.count());
    std::vector<std::string> positions;
    for (const Followed& stream : streams_) positions.push_back(stream_id(stream.position));
    std::vector<std::string_view> read{"XREAD", "COUNT", batch};
    if (wait.count() > 0) read.insert(read.end(), {"BLOCK", block});
    read.emplace_back("STREAMS");
    for (const Followed& stream : streams_) read.emplace_back(stream.name);
    for (const std::string& position : positions) read.emplace_back(position);

    Result<Reply> reply = co_await client_.command(std::move(read));
    if (!reply) co_return reply.error();
    if (is_error(*reply)) co_return Errc::store_unavailable;
    for (Reply& stream : reply->elements) {
        if (stream.elements.size() != 2) co_return Errc::store_unavailable;
        const auto followed = std::ranges::find(streams_, stream.elements[0].text, &Followed::name);
        if (followed == streams_.end()) co_return Errc::store_unavailable;
        for (Reply& element : stream.elements[1].elements) {
            std::optional<StreamEntry> entry = entry_from(element);
            if (!entry) co_return Errc::store_unavailable;
            followed->position = entry->position;
            followed->reader->take(std::move(*entry));
        }
    }
    for (Followed& stream : streams_) {
        const Result<std::uint64_t> position = co_await stream.reader->after_read(client_, stream.position);
        if (!position) co_return position.error();
        stream.position = *position;
    }
    co_return Result<void>();
}

}  // namespace proxy::store
