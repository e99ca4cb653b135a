#include "proxy/store/leases.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/detached.hpp>

#include "tests/store/examples.hpp"
#include "tests/store/redis_fixture.hpp"

using namespace proxy::store;
using namespace tests;
using proxy::Errc;
using proxy::Result;
using std::chrono::milliseconds;

namespace {

const std::string example_lease = "weir:{http://example.com/items/foo?a=1}:lease";

struct Node {
    Node(boost::asio::io_context& io, RedisServer& server, milliseconds lease)
        : context(io), redis(io, config_with(server, lease)) {
        redis.await_connected();
    }

    static proxy::RedisConfig config_with(const RedisServer& server, milliseconds lease) {
        proxy::RedisConfig config = redis_config(server);
        config.lease = lease;
        return config;
    }

    std::variant<Lease, LeaseElsewhere> acquire() { return run(context, leases.acquire(example_lease)).value(); }
    bool renew(const Lease& lease) { return run(context, leases.renew(lease)).value() == Renewal::renewed; }
    void release(const Lease& lease, LeaseOutcome outcome) {
        CHECK(run(context, leases.release(lease, outcome)).has_value());
    }

    // What the stream has behind `last`, applied as the node's feed does it.
    void follow() {
        const auto read = redis.command({"XREAD", "STREAMS", lease_stream(redis.config), last}).value();
        for (const Reply& stream : read.elements)
            for (const Reply& event : stream.elements.at(1).elements) {
                last = event.elements.at(0).text;
                const std::vector<Reply>& fields = event.elements.at(1).elements;
                REQUIRE(fields.size() == 4);
                CHECK(fields[0].text == "lease");
                CHECK(fields[2].text == "outcome");
                events.apply(fields[1].text, fields[3].text);
            }
    }

    boost::asio::io_context& context;
    TestClient redis;
    std::size_t tasks = 0;
    Leases leases{redis.client, redis.config, [this](proxy::Awaitable<void> task) {
                      ++tasks;
                      boost::asio::co_spawn(context, std::move(task), [this](const std::exception_ptr&) { --tasks; });
                  }};
    LeaseEvents events{10};
    std::string last = "0";
};

struct Fixture {
    explicit Fixture(milliseconds lease = milliseconds{60'000})
        : one(context, server, lease), two(context, server, lease) {}

    RedisServer server;
    boost::asio::io_context context{1};
    proxy::Deadlines deadlines;
    Node one, two;
};

}  // namespace

TEST_CASE("leases: names never collide with those of responses") {
    Fixture fixture;
    const Leases& leases = fixture.one.leases;
    CHECK(leases.name_of(example_key, example_key) == example_lease);
    const Request gzip("accept-encoding", "gzip");
    const std::string variant = proxy::rules::variant_key(example_key, "accept-encoding", gzip);
    CHECK(leases.name_of(example_key, variant) == example_lease + " accept-encoding=gzip");
}

TEST_CASE("leases: one has it, the others are told for how long") {
    Fixture fixture;
    auto& [server, context, deadlines, one, two] = fixture;
    const auto first = one.acquire();
    REQUIRE(std::holds_alternative<Lease>(first));
    const auto second = two.acquire();
    REQUIRE(std::holds_alternative<LeaseElsewhere>(second));
    CHECK(std::get<LeaseElsewhere>(second).left > milliseconds{40'000});
    CHECK(std::get<LeaseElsewhere>(second).left <= milliseconds{60'000});
    CHECK(std::holds_alternative<LeaseElsewhere>(one.acquire()));  // another request of the same node
    CHECK(std::get<Lease>(first).token == one.redis.text({"GET", example_lease}));

    one.release(std::get<Lease>(first), LeaseOutcome::stored);
    CHECK(std::holds_alternative<Lease>(two.acquire()));
    CHECK(one.leases.stats().acquired.get() == 1);
    CHECK(one.leases.stats().held.get() == 1);
    CHECK(two.leases.stats().held.get() == 1);
}

TEST_CASE("leases: gone after its time, and what was lost is neither renewed nor released") {
    Fixture fixture(milliseconds{50});
    auto& [server, context, deadlines, one, two] = fixture;
    const Lease lost = std::get<Lease>(one.acquire());
    run_until(context, [&] { return two.redis.number({"EXISTS", example_lease}) == 0; });
    CHECK_FALSE(one.renew(lost));
    CHECK(one.redis.number({"EXISTS", example_lease}) == 0);

    one.redis.text({"SET", example_lease, "another's", "PX", "60000"});
    CHECK_FALSE(one.renew(lost));
    one.release(lost, LeaseOutcome::stored);
    CHECK(one.redis.text({"GET", example_lease}) == "another's");
    CHECK(one.redis.number({"PTTL", example_lease}) > 40'000);
    CHECK(one.leases.stats().lost.get() == 2);
}

TEST_CASE("leases: renewed, its time begins anew") {
    Fixture fixture;
    auto& [server, context, deadlines, one, two] = fixture;
    const Lease lease = std::get<Lease>(one.acquire());
    one.redis.number({"PEXPIRE", example_lease, "20000"});
    CHECK(one.renew(lease));
    CHECK(one.redis.number({"PTTL", example_lease}) > 40'000);
}

TEST_CASE("leases: something else under its name") {
    struct Row {
        const char* name;
        std::vector<std::string_view> damage;
        std::int64_t left;
        bool free_then;  // for the next one that asks
    };
    const Row rows[] = {
        {"a list", {"LPUSH", example_lease, "x"}, 0, true},
        {"without an end", {"SET", example_lease, "x"}, 0, true},
        {"for ages", {"SET", example_lease, "x", "EX", "86400"}, 60'000, false},
    };
    Fixture fixture;
    auto& [server, context, deadlines, one, two] = fixture;
    for (const Row& row : rows) {
        CAPTURE(row.name);
        REQUIRE(one.redis.command(row.damage)->type != Reply::Type::error);
        const auto found = one.acquire();
        REQUIRE(std::holds_alternative<LeaseElsewhere>(found));
        CHECK(std::get<LeaseElsewhere>(found).left == milliseconds{row.left});
        CHECK(one.redis.number({"PTTL", example_lease}) <= 60'000);
        CHECK(std::holds_alternative<Lease>(one.acquire()) == row.free_then);
        one.redis.number({"DEL", example_lease});
    }
    const Lease lease = std::get<Lease>(one.acquire());
    one.redis.number({"DEL", example_lease});
    one.redis.number({"LPUSH", example_lease, "x"});
    CHECK_FALSE(one.renew(lease));
    one.release(lease, LeaseOutcome::stored);
    CHECK(one.redis.number({"EXISTS", example_lease}) == 1);
}

TEST_CASE("leases: how one ended reaches those who wait, on all nodes") {
    for (const LeaseOutcome outcome : {LeaseOutcome::stored, LeaseOutcome::not_stored, LeaseOutcome::failed}) {
        CAPTURE(to_string(outcome));
        Fixture fixture;
        auto& [server, context, deadlines, one, two] = fixture;
        const Lease lease = std::get<Lease>(one.acquire());
        LeaseWait here(one.events, example_lease, context.get_executor(), deadlines);
        LeaseWait there(two.events, example_lease, context.get_executor(), deadlines);
        LeaseWait other(two.events, example_lease + " accept-encoding=gzip", context.get_executor(), deadlines);
        CHECK(two.events.stats().waiting.get() == 2);

        one.release(lease, outcome);
        one.follow();
        two.follow();
        CHECK(run(context, here.outcome(patience)) == outcome);
        CHECK(run(context, there.outcome(patience)) == outcome);
        CHECK(run(context, other.outcome(milliseconds{1})) == std::nullopt);
        CHECK(two.events.stats().waiting.get() == 1);
        CHECK(two.events.stats().told[static_cast<std::size_t>(outcome)].get() == 1);
        const std::int64_t ttl = one.redis.number({"PTTL", lease_stream(one.redis.config)});
        CHECK(ttl > 0);
        CHECK(ttl <= 60'000);
    }
}

TEST_CASE("leases: the stream of events is bounded") {
    Fixture fixture;
    Node& one = fixture.one;
    for (int i = 0; i < 2'500; ++i) one.release({"weir:{x}:lease", "none"}, LeaseOutcome::not_stored);
    CHECK(one.redis.number({"XLEN", lease_stream(one.redis.config)}) < 1'500);
}

TEST_CASE("leases: a held one is renewed while it lives, and released where it is dropped") {
    Fixture fixture(milliseconds{150});
    auto& [server, context, deadlines, one, two] = fixture;
    std::optional<HeldLease> held;
    held.emplace(one.leases, std::get<Lease>(one.acquire()));
    const auto renewals = [&] {
        const std::string stats = two.redis.text({"INFO", "commandstats"});
        const std::string_view name = "cmdstat_pexpire:calls=";
        const std::size_t at = stats.find(name);
        return at == stats.npos ? 0 : std::stoi(stats.substr(at + name.size()));
    };
    run_until(context, [&] { return renewals() >= 6; });  // twice its time
    CHECK(two.redis.number({"EXISTS", example_lease}) == 1);
    LeaseWait wait(two.events, example_lease, context.get_executor(), deadlines);

    SUBCASE("dropped") {
        held.reset();
        run_until(context, [&] { return one.tasks == 0; });
        two.follow();
        CHECK(run(context, wait.outcome(patience)) == LeaseOutcome::failed);
    }
    SUBCASE("released, and moved meanwhile") {
        HeldLease moved = std::move(*held);
        held.reset();
        CHECK(one.tasks == 1);
        moved.release(LeaseOutcome::stored);
        CHECK_FALSE(moved);
        moved.release(LeaseOutcome::not_stored);
        run_until(context, [&] { return one.tasks == 0; });
        two.follow();
        CHECK(run(context, wait.outcome(patience)) == LeaseOutcome::stored);
        CHECK(two.redis.number({"XLEN", lease_stream(two.redis.config)}) == 1);
    }
    SUBCASE("lost: not renewed any more") {
        one.redis.text({"SET", example_lease, "another's", "PX", "60000"});
        run_until(context, [&] { return one.tasks == 0; });
        CHECK(one.leases.stats().lost.get() == 1);
        held.reset();
        run_until(context, [&] { return one.tasks == 0; });
        CHECK(two.redis.text({"GET", example_lease}) == "another's");
    }
    CHECK((two.redis.number({"EXISTS", example_lease}) == 0 || one.leases.stats().lost.get() == 1));
}

TEST_CASE("leases: Redis gone") {
    Fixture fixture;
    auto& [server, context, deadlines, one, two] = fixture;
    const Lease lease = std::get<Lease>(one.acquire());
    server.kill();
    one.redis.await_disconnected();
    CHECK(run(context, one.leases.acquire(example_lease)).error() == Errc::store_unavailable);
    CHECK(run(context, one.leases.renew(lease)).error() == Errc::store_unavailable);
    CHECK(run(context, one.leases.release(lease, LeaseOutcome::stored)).error() == Errc::store_unavailable);
    CHECK(one.leases.stats().failed.get() == 1);
}

TEST_CASE("leases: a wait ends with all deadlines of its worker") {
    boost::asio::io_context context{1};
    proxy::Deadlines deadlines;
    LeaseEvents events(1);
    LeaseWait wait(events, example_lease, context.get_executor(), deadlines);
    boost::asio::cancellation_signal stop;
    boost::asio::co_spawn(context, deadlines.sweep(),
                          boost::asio::bind_cancellation_slot(stop.slot(), boost::asio::detached));
    bool ended = false;
    boost::asio::co_spawn(context, wait.outcome(std::chrono::hours{1}), [&](std::exception_ptr, auto outcome) {
        CHECK_FALSE(outcome);
        ended = true;
        stop.emit(boost::asio::cancellation_type::terminal);
    });
    context.poll();
    CHECK_FALSE(ended);
    deadlines.expire_all();
    context.run();
    CHECK(ended);
}

TEST_CASE("lease events: bounded, and nobody is told after having left") {
    LeaseEvents events(2);
    int told = 0;
    const auto tell = [&](LeaseOutcome) { ++told; };
    auto first = events.await("a", tell);
    auto second = events.await("a", tell);
    REQUIRE(first);
    REQUIRE(second);
    CHECK_FALSE(events.await("b", tell));
    CHECK(events.stats().refused.get() == 1);
    first.reset();
    auto third = events.await("b", tell);
    REQUIRE(third);
    events.apply("a", "nonsense");
    CHECK(told == 0);
    events.apply("a", "stored");
    events.apply("a", "stored");
    CHECK(told == 1);
    second.reset();
    CHECK(events.stats().waiting.get() == 1);
    third.reset();
    CHECK(events.stats().waiting.get() == 0);
    events.apply("b", "stored");
    CHECK(told == 1);
}
