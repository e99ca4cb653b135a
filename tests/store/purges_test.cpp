#include "proxy/store/purges.hpp"

#include "tests/store/examples.hpp"

using namespace proxy;
using namespace proxy::store;
using namespace std::chrono_literals;
using tests::example_time;

namespace {

rules::StoredPtr stored(std::string_view key, std::string_view surrogate_keys = {}) {
    return rules::StoredResponse::make({.key = key, .surrogate_keys = surrogate_keys});
}

bool is_gone(const Purges& purges, const rules::StoredPtr& response, Mark since = {}) {
    return purges.since_sequence(since.sequence, *response).gone;
}

}  // namespace

TEST_CASE("purges: what each kind of thing concerns") {
    const rules::StoredPtr page = stored("http://example.com/blog/1?a=b", "news page-1");
    struct Row {
        const char* name;
        Purge purge;
        bool gone;
    };
    const Row rows[] = {
        {"its URL", {.urls = {"http://example.com/blog/1?a=b"}}, true},
        {"another URL", {.urls = {"http://example.com/blog/1"}}, false},
        {"a surrogate key of it", {.surrogate_keys = {"page-1"}}, true},
        {"another surrogate key", {.surrogate_keys = {"page"}}, false},
        {"letter case matters", {.surrogate_keys = {"News"}}, false},
        {"a URL is no surrogate key", {.surrogate_keys = {"http://example.com/blog/1?a=b"}}, false},
        {"a prefix", {.prefixes = {"http://example.com/blog/"}}, true},
        {"a prefix within a segment", {.prefixes = {"http://example.com/bl"}}, true},
        {"a prefix that is all of it", {.prefixes = {"http://example.com/blog/1?a=b"}}, true},
        {"a longer prefix", {.prefixes = {"http://example.com/blog/1?a=b&c"}}, false},
        {"a prefix of another host", {.prefixes = {"http://example.org/blog/"}}, false},
        {"its host", {.hosts = {"example.com"}}, true},
        {"another host", {.hosts = {"www.example.com"}}, false},
        {"everything", {.everything = true}, true},
        {"one of several", {.urls = {"http://a/", "http://b/"}, .hosts = {"c", "example.com"}}, true},
        {"none of several", {.urls = {"http://a/", "http://b/"}, .hosts = {"c"}}, false},
    };
    for (const Row& row : rows) {
        CAPTURE(row.name);
        Purges purges(100);
        purges.apply(row.purge, 7, example_time);
        CHECK(is_gone(purges, page) == row.gone);
        CHECK(purges.since_position(6, *page).gone == row.gone);
        CHECK_FALSE(purges.since_position(7, *page).gone);
        CHECK_FALSE(is_gone(purges, page, purges.mark()));
        Purges soft(100);
        Purge purge = row.purge;
        purge.soft = true;
        soft.apply(purge, 7, example_time);
        CHECK_FALSE(is_gone(soft, page));
        CHECK(soft.since_position(6, *page).stale_since.has_value() == row.gone);
    }
}

TEST_CASE("purges: keys") {
    struct Row {
        const char* name;
        std::string key;
        Purge purge;
    };
    const Row rows[] = {
        {"a variant", "http://example.com/a accept-encoding=gzip", {.urls = {"http://example.com/a"}}},
        {"with cookies in the key", "http://example.com/a cookie:who=me", {.urls = {"http://example.com/a"}}},
        {"a prefix and a variant", "http://example.com/a accept-encoding", {.prefixes = {"http://example.com/"}}},
        {"a host with a port", "http://example.com:8080/a", {.hosts = {"example.com"}}},
        {"an IPv6 host with a port", "http://[::1]:8080/a", {.hosts = {"[::1]"}}},
    };
    for (const Row& row : rows) {
        CAPTURE(row.name);
        Purges purges(100);
        purges.apply(row.purge, 0, example_time);
        CHECK(is_gone(purges, stored(row.key)));
    }
}

TEST_CASE("purges: what is fetched later is good, and each purge counts anew") {
    Purges purges(100);
    const rules::StoredPtr page = stored("http://example.com/a");
    const Purge purge{.urls = {"http://example.com/a"}};
    CHECK(purges.mark() == Mark{});
    purges.apply(purge, 0, example_time);
    const Mark between = purges.mark();
    CHECK_FALSE(is_gone(purges, page, between));
    purges.apply({.urls = {"http://example.com/other"}}, 0, example_time);
    CHECK_FALSE(is_gone(purges, page, between));
    purges.apply(purge, 0, example_time);
    CHECK(is_gone(purges, page, between));
    CHECK_FALSE(is_gone(purges, page, purges.mark()));
    CHECK(purges.entries() == 2);
}

TEST_CASE("purges: what comes twice from the log counts once") {
    Purges purges(100);
    const Purge purge{.urls = {"http://example.com/a"}};
    purges.apply(purge, 5, example_time);
    const Mark mark = purges.mark();
    purges.apply(purge, 5, example_time);  // the echo of what this node appended
    purges.apply(purge, 3, example_time);  // one appended before it by another node
    CHECK(purges.mark() == mark);
    purges.apply({.everything = true}, 9, example_time);
    const Mark later = purges.mark();
    purges.apply({.everything = true}, 9, example_time);
    CHECK(purges.mark() == later);
    CHECK(later == Mark{mark.sequence + 1, 9});
}

TEST_CASE("purges: a position is never taken back") {
    Purges purges(100);
    purges.apply({.urls = {"http://a/"}}, 9, example_time);
    purges.apply({.urls = {"http://b/"}}, 4, example_time);
    CHECK(purges.mark() == Mark{2, 9});
    CHECK(purges.since_position(3, *stored("http://b/")).gone);
    CHECK_FALSE(purges.since_position(4, *stored("http://b/")).gone);
}

TEST_CASE("purges: hard and soft") {
    Purges purges(100);
    const rules::StoredPtr page = stored("http://a/", "k");
    purges.apply({.urls = {"http://a/"}, .soft = true}, 1, example_time + 10s);
    purges.apply({.surrogate_keys = {"k"}, .soft = true}, 2, example_time + 20s);
    const Purges::Effect effect = purges.since_sequence(0, *page);
    CHECK_FALSE(effect.gone);
    CHECK(effect.stale_since == example_time + 10s);  // the earliest of them
    CHECK(purges.since_sequence(1, *page).stale_since == example_time + 20s);
    purges.apply({.urls = {"http://a/"}}, 3, example_time + 30s);
    CHECK(is_gone(purges, page));
    const Mark mark = purges.mark();
    purges.apply({.urls = {"http://a/"}, .soft = true}, 4, example_time + 40s);
    CHECK_FALSE(is_gone(purges, page, mark));
    CHECK(purges.since_sequence(mark.sequence, *page).stale_since == example_time + 40s);
}

TEST_CASE("purges: when it is full, what is older than the oldest purge counts as purged") {
    Purges purges(3);
    const rules::StoredPtr other = stored("http://other/");
    purges.apply({.urls = {"http://a/"}}, 10, example_time);  // sequence 1
    purges.apply({.surrogate_keys = {"b"}}, 20, example_time);
    purges.apply({.prefixes = {"http://c/"}}, 30, example_time);
    purges.apply({.urls = {"http://a/"}}, 40, example_time);  // the newest again
    CHECK_FALSE(is_gone(purges, other));
    purges.apply({.hosts = {"d"}}, 50, example_time);  // b goes
    CHECK(purges.entries() == 3);
    CHECK(is_gone(purges, other, {1, 0}));
    CHECK_FALSE(is_gone(purges, other, {2, 0}));
    CHECK(purges.since_position(19, *other).gone);
    CHECK_FALSE(purges.since_position(20, *other).gone);
    CHECK(purges.since_position(30, *stored("http://a/")).gone);
    purges.apply({.urls = {"http://e/"}, .soft = true}, 60, example_time);  // c goes
    purges.apply({.urls = {"http://f/", "http://g/", "http://h/"}}, 70, example_time);
    CHECK(purges.entries() == 3);
    CHECK(purges.since_position(59, *other).stale_since.has_value());  // of e
    CHECK_FALSE(purges.since_position(50, *other).gone);
    CHECK_FALSE(purges.since_position(60, *other).stale_since.has_value());
}

TEST_CASE("purges: of too many lengths of prefixes the shorter one stands for the longer") {
    Purges purges(1000);
    std::string prefix = "http://a/";
    for (std::size_t i = 0; i < Purges::max_prefix_lengths; ++i, prefix += 'x')
        purges.apply({.prefixes = {prefix}}, 0, example_time);
    const Mark mark = purges.mark();
    CHECK_FALSE(is_gone(purges, stored(prefix), mark));
    purges.apply({.prefixes = {prefix + "yyy"}}, 0, example_time);
    CHECK(purges.entries() == Purges::max_prefix_lengths);
    CHECK(is_gone(purges, stored(prefix + "yyy"), mark));
    CHECK_FALSE(is_gone(purges, stored("http://a/"), mark));
    purges.apply({.prefixes = {"http:/"}}, 0, example_time);  // shorter than all
    CHECK(is_gone(purges, stored("http://b/"), mark));
}

TEST_CASE("a response purged softly is stale, and no less old than it was") {
    const auto response = tests::example();  // 3 s old when it came at example_time + 1, lifetime 300 s
    const rules::StoredPtr stale = rules::stale_since(response, example_time + 50s);
    CHECK(stale->freshness().lifetime == rules::current_age(response->arrival(), example_time + 50s));
    CHECK(stale->inline_content() == response->inline_content());
    CHECK(response->freshness().lifetime == 300s);
    CHECK(rules::stale_since(response, example_time + 400s) == response);
    CHECK(rules::stale_since(stale, example_time + 60s) == stale);
}
