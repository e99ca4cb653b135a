// The log and the feed, against a real redis-server.
#include "proxy/store/purge_log.hpp"

#include "proxy/store/purge_record.hpp"
#include "proxy/store/stream_position.hpp"
#include "tests/store/examples.hpp"
#include "tests/store/redis_fixture.hpp"

using namespace proxy;
using namespace proxy::store;
using namespace std::chrono_literals;

namespace {

constexpr std::string_view stream = "weir:{log}:purges";

rules::StoredPtr stored(std::string_view key) { return rules::StoredResponse::make({.key = key}); }

// A node as far as purges go.
class Node {
 public:
    Node(boost::asio::io_context& context, const tests::RedisServer& server, PurgeConfig settings = {})
        : config(settings), redis(tests::redis_config(server)), context_(context), client(context, redis) {
        feed.follow(log.stream(), log);
        boost::asio::co_spawn(context, feed.run(), boost::asio::detached);
    }
    ~Node() {
        feed.stop();
        context_.restart();
        context_.poll();
    }

    Node& await_current() {
        client.await_connected();
        tests::run_until(context_, [this] { return purges.is_current(); });
        return *this;
    }
    void await_applied(std::uint64_t position) {
        tests::run_until(context_, [&] { return log.stats().applied.load() >= position; });
    }
    std::uint64_t append(Purge purge) { return tests::run(context_, log.append(client.client, purge)).value(); }
    void append_or_keep(Purge purge) { tests::run(context_, kept(std::move(purge))); }
    bool is_gone(std::string key, Mark since) const { return purges.since_sequence(since.sequence, *stored(key)).gone; }

    const PurgeConfig config;
    const RedisConfig redis;
    Purges purges{config.max_entries};
    PurgeLog log{purges, config, redis};

 private:
    Awaitable<bool> kept(Purge purge) {
        co_await log.append_or_keep(client.client, std::move(purge));
        co_return true;
    }

    boost::asio::io_context& context_;

 public:
    tests::TestClient client;
    RedisFeed feed{context_.get_executor(), redis};
};

const Purge a{.urls = {"http://example.com/a"}};
const Purge b{.urls = {"http://example.com/b"}};

}  // namespace

TEST_CASE("stream ids and positions") {
    struct Row {
        const char* id;
        bool is_one;
    };
    const Row rows[] = {{"0-0", true},
                        {"0-1", true},
                        {"1700000000000-0", true},
                        {"1700000000000-4194303", true},
                        {"1700000000001-0", true},
                        {"4398046511103-0", true},
                        {"4398046511104-0", false},
                        {"1-4194304", false},
                        {"18446744073709551615-1", false},
                        {"", false},
                        {"1", false},
                        {"1-", false},
                        {"-1", false},
                        {"1-1x", false},
                        {"x-1", false}};
    std::optional<std::uint64_t> last;
    for (const Row& row : rows) {
        CAPTURE(row.id);
        const auto position = position_of(row.id);
        REQUIRE(position.has_value() == row.is_one);
        if (!position) continue;
        CHECK(stream_id(*position) == row.id);
        if (last) CHECK(*position > *last);
        last = position;
    }
}

TEST_CASE("purge records: what is written is read, and what is not understood purges everything") {
    const Purge all{.urls = {"http://a/", "http://b/"},
                    .surrogate_keys = {"k"},
                    .prefixes = {"http://c/"},
                    .hosts = {"d"},
                    .everything = true,
                    .soft = true};
    const WallClock now{1'700'000'000'123ms};
    const PurgeRecord record = decode_purge({.position = 1, .fields = encode_purge(all, now)});
    CHECK(record.purge == all);
    CHECK(record.appended == now);
    CHECK(record.understood);
    const std::vector<std::vector<std::string>> strange[] = {
        {{}}, {{"at", "1"}}, {{"url"}}, {{"url", "http://a/", "colour", "red"}}, {{"at", "soon", "url", "http://a/"}}};
    for (const auto& row : strange) {
        CAPTURE(row.front().size());
        const PurgeRecord doubtful = decode_purge({.position = 1, .fields = row.front()});
        CHECK_FALSE(doubtful.understood);
        CHECK(doubtful.purge == Purge{.everything = true});
    }
    CHECK(decode_purge({.position = 1, .fields = {"begin", "1"}}).purge == Purge{.everything = true});
    CHECK(decode_purge({.position = 1, .fields = {"begin", "1"}}).understood);
}

TEST_CASE("purge log: what one node appends reaches the other, once each") {
    tests::RedisServer server;
    boost::asio::io_context context(1);
    Node one(context, server), two(context, server);
    one.await_current();
    two.await_current();
    const Mark before_one = one.purges.mark(), before_two = two.purges.mark();
    const std::uint64_t position = one.append(a);
    CHECK(one.is_gone(a.urls[0], before_one));  // at once
    two.await_applied(position);
    one.await_applied(position);
    CHECK(two.is_gone(a.urls[0], before_two));
    CHECK_FALSE(two.is_gone(b.urls[0], before_two));
    CHECK(one.purges.mark().sequence == before_one.sequence + 1);  // its echo is no second purge
    CHECK(two.purges.mark() == Mark{before_two.sequence + 1, position});
    CHECK(two.log.stats().records.get() == 1);
    CHECK(one.client.number({"XLEN", stream}) == 2);  // the beginning, and this
    CHECK(one.client.number({"PTTL", stream}) > 0);
}

TEST_CASE("purge log: many from two writers, in one order for both") {
    tests::RedisServer server;
    boost::asio::io_context context(1);
    Node one(context, server), two(context, server);
    one.await_current();
    two.await_current();
    std::uint64_t last = 0;
    for (int i = 0; i < 200; ++i) {
        Node& writer = i % 2 == 0 ? one : two;
        const std::uint64_t position = writer.append({.urls = {"http://example.com/" + std::to_string(i)}});
        CHECK(position > last);
        last = position;
    }
    one.await_applied(last);
    two.await_applied(last);
    CHECK(one.purges.mark() == two.purges.mark());
    CHECK(one.purges.entries() == 200);
    CHECK(two.purges.entries() == 200);
    CHECK(two.log.stats().gaps.get() == 0);
}

TEST_CASE("purge log: a new node knows what was purged before, and nothing from before the log") {
    tests::RedisServer server;
    boost::asio::io_context context(1);
    Node one(context, server);
    one.await_current();
    const std::uint64_t begin = one.purges.mark().position;
    const std::uint64_t purged = one.append(a);
    const std::uint64_t last = one.append(b);
    Node two(context, server);
    two.await_current();
    CHECK(two.purges.mark().position == last);
    CHECK(two.purges.since_position(begin, *stored(a.urls[0])).gone);
    CHECK_FALSE(two.purges.since_position(purged, *stored(a.urls[0])).gone);
    CHECK(two.purges.since_position(begin - 1, *stored("http://example.com/other")).gone);
    CHECK_FALSE(two.purges.since_position(begin, *stored("http://example.com/other")).gone);
    CHECK(two.log.stats().gaps.get() == 0);
    CHECK(two.log.stats().records.get() == 0);  // of another time
}

TEST_CASE("purge log: cut off, and back") {
    tests::RedisServer server;
    boost::asio::io_context context(1);
    Node one(context, server), two(context, server);
    one.await_current();
    two.await_current();
    const Mark before = two.purges.mark();
    one.client.command({"CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"});
    tests::run_until(context, [&] { return !two.purges.is_current(); });
    const std::uint64_t position = tests::run(context, [](Node& node) -> Awaitable<std::uint64_t> {
        for (;;) {
            const Result<std::uint64_t> appended = co_await node.log.append(node.client.client, a);
            if (appended) co_return *appended;
            Timer pause(co_await boost::asio::this_coro::executor, 1ms);
            co_await pause.async_wait(use_awaitable);
        }
    }(one));
    two.await_current();
    two.await_applied(position);
    CHECK(two.is_gone(a.urls[0], before));
    CHECK_FALSE(two.is_gone(b.urls[0], before));
    CHECK(two.log.stats().gaps.get() == 0);
}

TEST_CASE("purge log: lost, damaged or cut short, it loses stored responses and never purges") {
    tests::RedisServer server;
    boost::asio::io_context context(1);
    Node one(context, server), two(context, server);
    one.await_current();
    two.await_current();
    one.append(a);
    const Mark one_before = one.purges.mark();
    tests::run_until(context, [&] { return two.purges.mark().position == one_before.position; });
    const Mark two_before = two.purges.mark();
    const auto everything_went = [&] {
        tests::run_until(context, [&] {
            return one.is_gone("http://example.com/any", one_before) &&
                   two.is_gone("http://example.com/any", two_before) && one.purges.is_current() &&
                   two.purges.is_current() && one.purges.mark().position == two.purges.mark().position;
        });
        CHECK(one.purges.mark().position > one_before.position);
        const std::uint64_t position = one.append(b);  // and it goes on
        two.await_applied(position);
    };

    SUBCASE("FLUSHALL") {
        one.client.command({"FLUSHALL"});
        everything_went();
    }
    SUBCASE("deleted") {
        one.client.command({"DEL", stream});
        everything_went();
    }
    SUBCASE("expired") {
        one.client.command({"PEXPIRE", stream, "1"});
        everything_went();
    }
    SUBCASE("another type") {
        one.client.command({"DEL", stream});
        one.client.command({"LPUSH", stream, "x"});
        everything_went();
    }
    SUBCASE("trimmed to nothing") {
        one.client.command({"XTRIM", stream, "MAXLEN", "0"});
        everything_went();
    }
    SUBCASE("restarted, empty") {
        server.restart();
        one.client.await_disconnected();
        one.client.await_connected();
        everything_went();
    }
    SUBCASE("another history, with lower positions") {
        one.client.command({"DEL", stream});
        one.client.command({"XADD", stream, "1-1", "url", "http://example.com/c"});
        everything_went();
    }
    SUBCASE("another history, with the same last position") {
        const std::string id = stream_id(one_before.position);
        one.client.command({"DEL", stream});
        one.client.command({"XADD", stream, "1-1", "url", "http://example.com/c"});
        one.client.command({"XADD", stream, std::to_string(milliseconds_of(one_before.position) + 5) + "-1", "url",
                            "http://example.com/d"});
        everything_went();
    }
    SUBCASE("an entry of a later version") {
        one.client.command({"XADD", stream, "*", "colour", "red"});
        everything_went();
        CHECK(one.log.stats().not_understood.get() == 1);
    }
}

TEST_CASE("purge log: trimmed past a node that was away") {
    tests::RedisServer server;
    boost::asio::io_context context(1);
    PurgeConfig config;
    config.max_log = 100;
    Node one(context, server, config);
    one.await_current();
    const Mark before = one.purges.mark();
    one.feed.stop();
    for (int i = 0; i < 500; ++i) one.append({.urls = {"http://example.com/" + std::to_string(i)}});
    const std::int64_t length = one.client.number({"XLEN", stream});
    CHECK(length >= 100);
    CHECK(length < 500);
    Node two(context, server, config);
    two.await_current();
    CHECK(two.purges.since_position(before.position, *stored("http://example.com/other")).gone);
    CHECK_FALSE(two.purges.since_position(two.purges.mark().position, *stored("http://example.com/other")).gone);
    CHECK(two.purges.entries() < 500);
}

TEST_CASE("purge log: a clock of Redis that is behind does not make positions go back") {
    tests::RedisServer server;
    boost::asio::io_context context(1);
    Node one(context, server);
    one.await_current();
    const std::string ahead = std::to_string(milliseconds_of(one.purges.mark().position) + 3'600'000) + "-7";
    one.client.command({"XADD", stream, ahead, "url", "http://example.com/a"});
    one.await_applied(*position_of(ahead));
    one.client.command({"FLUSHALL"});
    const std::uint64_t position = one.append(b);
    CHECK(position > *position_of(ahead));
    one.await_applied(position);
    CHECK(one.client.number({"XLEN", stream}) <= 4);
}

TEST_CASE("purge log: what Redis acknowledged and then lost does not make positions go back") {
    tests::RedisServer server;
    boost::asio::io_context context(1);
    Node one(context, server);
    one.await_current();
    const std::uint64_t lost = one.purges.mark().position + (std::uint64_t{3'600'000} << 22);
    SUBCASE("and the next purge comes first") {
        one.feed.stop();
        one.purges.apply(a, lost, tests::example_time);
        CHECK(one.append(b) > lost);
    }
    SUBCASE("and the log is looked at first") {
        one.purges.apply(a, lost, tests::example_time);
        tests::run_until(context, [&] { return one.log.stats().applied.load() > lost; });
        CHECK(one.log.stats().gaps.get() == 1);
    }
}

TEST_CASE("purge log: what origins purge while Redis is away is applied at once and appended later") {
    tests::RedisServer server;
    boost::asio::io_context context(1);
    PurgeConfig config;
    config.max_pending = 3;
    Node one(context, server, config);
    one.await_current();
    one.append(b);
    server.pause();
    Mark before = one.purges.mark();
    const Result<std::uint64_t> refused = tests::run(context, one.log.append(one.client.client, b));
    CHECK_FALSE(refused.has_value());
    CHECK_FALSE(one.is_gone(b.urls[0], before));  // an operator's purge that failed has no effect
    one.append_or_keep(a);
    CHECK(one.is_gone(a.urls[0], before));
    CHECK_FALSE(one.purges.is_current());  // Redis could still have the old one
    CHECK(one.log.stats().pending.load() == 1);

    SUBCASE("a few") {
        server.resume();
        one.await_current();
        CHECK(one.log.stats().pending.load() == 0);
        Node two(context, server, config);
        two.await_current();
        CHECK(two.purges.since_position(before.position, *stored(a.urls[0])).gone);
        CHECK(one.log.stats().overflows.load() == 0);
    }
    SUBCASE("too many: everything") {
        for (int i = 0; i < 3; ++i) one.append_or_keep({.urls = {"http://example.com/" + std::to_string(i)}});
        CHECK(one.log.stats().overflows.load() == 1);
        CHECK(one.log.stats().pending.load() == 1);
        server.resume();
        one.await_current();
        CHECK(one.is_gone("http://example.com/any", before));
    }
}

TEST_CASE("feed: several streams, and only what is new for a plain handler") {
    tests::RedisServer server;
    boost::asio::io_context context(1);
    const RedisConfig config = tests::redis_config(server);
    tests::TestClient client(context, config);
    client.await_connected();
    client.command({"XADD", "events", "*", "name", "old"});
    client.command({"LPUSH", "broken", "x"});

    std::vector<std::string> names, others;
    RedisFeed feed(context.get_executor(), config);
    feed.follow("events", [&](StreamEntry entry) { names.emplace_back(entry.field("name")); });
    feed.follow("broken", [&](StreamEntry entry) { others.emplace_back(entry.field("name")); });
    boost::asio::co_spawn(context, feed.run(), boost::asio::detached);
    tests::run_until(context, [&] {
        client.command({"XADD", "events", "*", "x", "y", "name", "new"});
        return !names.empty();
    });
    client.command({"XADD", "broken", "*", "name", "mended"});
    tests::run_until(context, [&] { return !others.empty(); });
    CHECK(names.front() == "new");
    CHECK(others.front() == "mended");
    feed.stop();
    context.restart();
    context.poll();
}
