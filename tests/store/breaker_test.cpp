#include "proxy/store/breaker.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

using namespace proxy::store;
using proxy::BreakerConfig;
using std::chrono::milliseconds;

namespace {

constexpr BreakerConfig example{.failures = 3,
                                .slow = milliseconds{50},
                                .slow_percent = 50,
                                .window = 10,
                                .min_open = milliseconds{100},
                                .max_open = milliseconds{1'000}};
constexpr milliseconds fast{1}, slow{51};

struct Fixture {
    explicit Fixture(const BreakerConfig& config = example)
        : breaker(
              config,
              [this](BreakerState state, std::string_view reason) {
                  states.push_back(state);
                  why = reason;
              },
              1) {}

    void open() {
        while (breaker.state() == BreakerState::closed) breaker.failed("lost", now);
    }
    milliseconds pause() const { return std::chrono::duration_cast<milliseconds>(breaker.probe_due() - now); }

    std::vector<BreakerState> states;
    std::string why;
    Breaker breaker;
    Breaker::Time now{std::chrono::hours{1}};
};

using State = BreakerState;

}  // namespace

TEST_CASE("breaker: what opens it") {
    struct Row {
        const char* name;
        const char* events;  // f: failed, a: answered, s: answered slowly
        BreakerState state;
    };
    const Row rows[] = {
        {"nothing happened", "", State::closed},
        {"failures, not enough of them", "ff", State::closed},
        {"failures in a row", "fff", State::open},
        {"never in a row", "ffaffaffaffa", State::closed},
        {"a slow answer is an answer", "ffsff", State::closed},
        {"half of the answers slow", "asasasasas", State::open},
        {"a few slow", "aaaaaassss", State::closed},
        {"slow, but a window is not full", "sssssssss", State::closed},
        {"half of a later window", "aaaaaaaaaaasasasasas", State::open},
        {"half, but in two windows", "aaaaaaasssssssaaaaaa", State::closed},
    };
    for (const Row& row : rows) {
        CAPTURE(row.name);
        Fixture fixture;
        for (const char event : std::string_view(row.events)) {
            if (event == 'f')
                fixture.breaker.failed("lost", fixture.now);
            else
                fixture.breaker.answered(event == 's' ? slow : fast, fixture.now);
        }
        CHECK(fixture.breaker.state() == row.state);
        CHECK(fixture.states.size() == (row.state == State::open ? 1 : 0));
    }
}

TEST_CASE("breaker: slowness may be allowed") {
    BreakerConfig config = example;
    config.slow_percent = 0;
    Fixture fixture(config);
    for (int i = 0; i < 100; ++i) fixture.breaker.answered(slow, fixture.now);
    CHECK(fixture.breaker.state() == State::closed);
}

TEST_CASE("breaker: a probe closes it, or begins a longer pause") {
    Fixture fixture;
    auto& [states, why, breaker, now] = fixture;
    fixture.open();
    CHECK(why.find("3 failures in a row, the last: lost") != std::string::npos);
    CHECK(fixture.pause() >= milliseconds{100});
    CHECK(fixture.pause() <= milliseconds{200});

    milliseconds longest{0};
    for (int i = 0; i < 30; ++i) {
        now = breaker.probe_due();
        breaker.probe();
        CHECK(breaker.state() == State::half_open);
        breaker.probed(false, "still lost", now);
        CHECK(breaker.state() == State::open);
        CHECK(fixture.pause() >= milliseconds{100});
        CHECK(fixture.pause() <= milliseconds{1'000});
        longest = std::max(longest, fixture.pause());
    }
    CHECK(longest > milliseconds{500});

    now = breaker.probe_due();
    breaker.probe();
    breaker.probed(true, "answered", now);
    CHECK(breaker.state() == State::closed);
    CHECK(states.size() == 1 + 2 * 30 + 2);

    breaker.failed("lost", now);
    breaker.failed("lost", now);
    CHECK(breaker.state() == State::closed);  // counted anew
}

TEST_CASE("breaker: pauses grow while it does not stay closed, and are short again after") {
    const auto longest_pause_of = [](milliseconds closed_for) {
        Fixture fixture;
        milliseconds longest{0};
        for (int i = 0; i < 30; ++i) {
            fixture.open();
            longest = std::max(longest, fixture.pause());
            fixture.now = fixture.breaker.probe_due();
            fixture.breaker.probe();
            fixture.breaker.probed(true, "answered", fixture.now);
            fixture.now += closed_for;
        }
        return longest;
    };
    CHECK(longest_pause_of(milliseconds{500}) > milliseconds{500});
    CHECK(longest_pause_of(milliseconds{1'001}) <= milliseconds{200});
}

TEST_CASE("breaker: what comes late changes nothing") {
    Fixture fixture;
    auto& [states, why, breaker, now] = fixture;
    breaker.probe();
    breaker.probed(true, "", now);
    CHECK(states.empty());
    breaker.open("told so", now);
    const auto due = breaker.probe_due();
    now += milliseconds{10};
    breaker.open("told so again", now);
    fixture.breaker.failed("lost", now);
    breaker.answered(fast, now);
    breaker.probed(true, "", now);
    CHECK(breaker.state() == State::open);
    CHECK(breaker.probe_due() == due);
    breaker.probe();
    breaker.answered(fast, now);
    breaker.failed("lost", now);
    CHECK(breaker.state() == State::half_open);
}
