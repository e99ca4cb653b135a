#include "proxy/rules/reuse.hpp"

#include "tests/rules/messages.hpp"

using namespace proxy::rules;

namespace {

std::string shown(const Reuse& reuse) {
    if (const auto* serve = std::get_if<Serve>(&reuse)) return "serve " + std::to_string(serve->age.count());
    if (const auto* serve = std::get_if<ServeWhileRevalidating>(&reuse))
        return "serve while revalidating " + std::to_string(serve->age.count());
    if (const auto* forward = std::get_if<Forward>(&reuse))
        return std::string{to_string(forward->reason)} + (forward->collapsible ? "" : ", alone");
    return "unsatisfied";
}

}  // namespace

TEST_CASE("may_look_up") {
    using enum http::verb;
    struct Row {
        std::string_view name;
        http::verb method;
        const char* lines;
        bool expected;
    };
    const Row rows[] = {
        {"GET", get, "", true},
        {"HEAD", head, "", true},
        {"POST", post, "", false},
        {"an unknown method", unknown, "", false},
        {"no content", get, "Content-Length: 0", true},
        {"content", get, "Content-Length: 10", false},
        {"chunked content", get, "Transfer-Encoding: chunked", false},
    };
    for (const Row& row : rows) {
        CAPTURE(row.name);
        CHECK(may_look_up(request_with(Lines(row.lines), row.method)) == row.expected);
    }
}

TEST_CASE("decide_reuse: fresh, stale or not there, RFC 9111 §4") {
    const StoredPtr fresh =
        stored_from("Cache-Control: max-age=10\nETag: \"a\"\nLast-Modified: Sun, 06 Nov 1994 08:00:00 GMT");
    const StoredPtr with_window = stored_from("Cache-Control: max-age=10, stale-while-revalidate=5");
    const StoredPtr vetoed = stored_from("Cache-Control: max-age=10, stale-while-revalidate=5, must-revalidate");
    const StoredPtr no_cache = stored_from("Cache-Control: max-age=10, no-cache, stale-while-revalidate=5");
    struct Row {
        std::string_view name;
        const StoredResponse* stored;
        seconds after;
        const char* request;
        std::string_view expected;
    };
    const Row rows[] = {
        {"a miss", nullptr, 0s, "", "uri-miss"},
        {"fresh", fresh.get(), 3s, "", "serve 3"},
        {"fresh for the last second", fresh.get(), 9s, "", "serve 9"},
        {"stale", fresh.get(), 10s, "", "stale"},
        {"our clock stepped back a little", fresh.get(), -10s, "", "serve 0"},
        {"our clock stepped back", fresh.get(), -100s, "", "stale"},
        {"no-cache", no_cache.get(), 3s, "", "stale"},
        {"stale in its window", with_window.get(), 10s, "", "serve while revalidating 10"},
        {"the last second of its window", with_window.get(), 14s, "", "serve while revalidating 14"},
        {"beyond its window", with_window.get(), 15s, "", "stale"},
        {"must-revalidate", vetoed.get(), 10s, "", "stale"},

        {"only-if-cached, fresh", fresh.get(), 3s, "Cache-Control: only-if-cached", "serve 3"},
        {"only-if-cached, in the window", with_window.get(), 10s, "Cache-Control: only-if-cached",
         "serve while revalidating 10"},
        {"only-if-cached, stale", fresh.get(), 10s, "Cache-Control: only-if-cached", "unsatisfied"},
        {"only-if-cached, a miss", nullptr, 3s, "Cache-Control: only-if-cached", "unsatisfied"},
        {"other directives are not honoured", fresh.get(), 3s,
         "Cache-Control: no-cache, max-age=0, min-fresh=100, no-store", "serve 3"},
        {"nor may they get more", fresh.get(), 10s, "Cache-Control: max-stale", "stale"},
        {"nor Pragma", fresh.get(), 3s, "Pragma: no-cache", "serve 3"},

        {"If-Match holds", fresh.get(), 3s, "If-Match: \"x\", \"a\"", "serve 3"},
        {"If-Match does not", fresh.get(), 3s, "If-Match: \"x\"", "request, alone"},
        {"If-Match is strong", fresh.get(), 3s, "If-Match: W/\"a\"", "request, alone"},
        {"If-Match before If-Unmodified-Since", fresh.get(), 3s,
         "If-Match: \"a\"\nIf-Unmodified-Since: Sun, 06 Nov 1994 07:00:00 GMT", "serve 3"},
        {"If-Unmodified-Since holds", fresh.get(), 3s, "If-Unmodified-Since: Sun, 06 Nov 1994 08:00:00 GMT", "serve 3"},
        {"If-Unmodified-Since does not", fresh.get(), 3s, "If-Unmodified-Since: Sun, 06 Nov 1994 07:59:59 GMT",
         "request, alone"},
        {"If-Unmodified-Since cannot be judged", with_window.get(), 3s,
         "If-Unmodified-Since: Sun, 06 Nov 1994 08:00:00 GMT", "request, alone"},
        {"If-Unmodified-Since is no date", with_window.get(), 3s, "If-Unmodified-Since: x", "serve 3"},
    };
    for (const Row& row : rows) {
        CAPTURE(row.name);
        const Lines lines(row.request);
        CHECK(shown(decide_reuse(request_with(lines), row.stored, false, t + row.after, {})) == row.expected);
    }
    CHECK(shown(decide_reuse(request_with({}), nullptr, true, t, {})) == "vary-miss");
    CHECK(shown(decide_reuse(request_with({}, http::verb::head), nullptr, false, t, {})) == "uri-miss, alone");
    CHECK(shown(decide_reuse(request_with({}, http::verb::head), fresh.get(), false, t + 3s, {})) == "serve 3");
}

TEST_CASE("decide_reuse: request directives where the route honours them, RFC 9111 §5.2.1") {
    const StoredPtr plain = stored_from("Cache-Control: max-age=10");
    const StoredPtr vetoed = stored_from("Cache-Control: s-maxage=10");
    const StoredPtr with_window = stored_from("Cache-Control: max-age=10, stale-while-revalidate=5");
    struct Row {
        std::string_view name;
        const StoredResponse* stored;
        seconds after;
        const char* directives;
        std::string_view expected;
    };
    const Row rows[] = {
        {"none", plain.get(), 3s, "", "serve 3"},
        {"no-cache", plain.get(), 3s, "no-cache", "request"},
        {"no-cache and only-if-cached", plain.get(), 3s, "no-cache, only-if-cached", "unsatisfied"},
        {"max-age, young enough", plain.get(), 3s, "max-age=3", "serve 3"},
        {"max-age, too old", plain.get(), 3s, "max-age=2", "request"},
        {"max-age=0", plain.get(), 1s, "max-age=0", "request"},
        {"an invalid max-age", plain.get(), 1s, "max-age=x", "request"},
        {"min-fresh, enough left", plain.get(), 3s, "min-fresh=7", "serve 3"},
        {"min-fresh, too little left", plain.get(), 3s, "min-fresh=8", "request"},
        {"max-stale, any", plain.get(), 1000s, "max-stale", "serve 1000"},
        {"max-stale, within", plain.get(), 15s, "max-stale=5", "serve 15"},
        {"max-stale, beyond", plain.get(), 16s, "max-stale=5", "stale"},
        {"an invalid max-stale", plain.get(), 10s, "max-stale=x", "stale"},
        {"max-stale yields to s-maxage", vetoed.get(), 11s, "max-stale", "stale"},
        {"max-stale and max-age", plain.get(), 15s, "max-stale, max-age=12", "stale"},
        {"the window and max-age", with_window.get(), 11s, "max-age=5", "stale"},
        {"the window and min-fresh", with_window.get(), 11s, "min-fresh=1", "stale"},
        {"no-store reads what is stored", plain.get(), 3s, "no-store", "serve 3"},
        {"no-store on a miss serves no other", nullptr, 3s, "no-store", "uri-miss, alone"},
    };
    Policy policy;
    policy.honour_request_directives = true;
    for (const Row& row : rows) {
        CAPTURE(row.name);
        const Lines lines(std::string{"Cache-Control: "} + row.directives);
        CHECK(shown(decide_reuse(request_with(lines), row.stored, false, t + row.after, policy)) == row.expected);
    }
}

TEST_CASE("may_serve_stale_on_error: RFC 5861 §4, RFC 9111 §4.2.4") {
    using enum OriginFailure;
    Policy without_grace, with_grace, switched_off;
    without_grace.grace = 0s;
    with_grace.grace = 20s;
    switched_off = with_grace;
    switched_off.stale_when_disconnected = false;
    struct Row {
        std::string_view name;
        const char* directives;
        Policy policy;  // when stored
        OriginFailure failure;
        seconds after;
        bool expected;
    };
    const Row rows[] = {
        {"no window", "max-age=10", without_grace, unreachable, 10s, false},
        {"the window of the default", "max-age=10", {}, unreachable, 3609s, true},
        {"beyond that of the default", "max-age=10", {}, unreachable, 3610s, false},
        {"stale-if-error: unreachable", "max-age=10, stale-if-error=5", {}, unreachable, 14s, true},
        {"stale-if-error: timed out", "max-age=10, stale-if-error=5", {}, timed_out, 14s, true},
        {"stale-if-error: broken", "max-age=10, stale-if-error=5", {}, broken, 14s, true},
        {"stale-if-error: 503", "max-age=10, stale-if-error=5", {}, status_5xx, 14s, true},
        {"stale-if-error: beyond", "max-age=10, stale-if-error=5", {}, status_5xx, 15s, false},
        {"grace: unreachable", "max-age=10", with_grace, unreachable, 29s, true},
        {"grace: beyond", "max-age=10", with_grace, unreachable, 30s, false},
        {"grace is not for a 503", "max-age=10", with_grace, status_5xx, 11s, false},
        {"grace, switched off", "max-age=10", switched_off, unreachable, 11s, false},
        {"must-revalidate", "max-age=10, stale-if-error=5, must-revalidate", with_grace, unreachable, 11s, false},
        {"proxy-revalidate", "max-age=10, stale-if-error=5, proxy-revalidate", with_grace, unreachable, 11s, false},
        {"s-maxage", "s-maxage=10, stale-if-error=5", with_grace, unreachable, 11s, false},
        {"no-cache", "no-cache, max-age=10, stale-if-error=5", with_grace, unreachable, 1s, false},
        {"fresh, though the client wanted it validated", "max-age=10, must-revalidate", {}, unreachable, 3s, true},
    };
    for (const Row& row : rows) {
        CAPTURE(row.name);
        const StoredPtr stored = stored_from(std::string{"Cache-Control: "} + row.directives, 200, row.policy);
        CHECK(may_serve_stale_on_error(request_with({}), stored.get(), row.failure, t + row.after, row.policy) ==
              row.expected);
    }
    CHECK_FALSE(may_serve_stale_on_error(request_with({}), nullptr, unreachable, t, {}));
    const StoredPtr stored = stored_from("Cache-Control: max-age=10", 200, with_grace);
    CHECK_FALSE(may_serve_stale_on_error(request_with({}), stored.get(), unreachable, t + 11s, switched_off));

    const Lines another("If-Match: \"b\""), the_same("If-Match: \"a\"");
    const StoredPtr tagged = stored_from("Cache-Control: max-age=10\nETag: \"a\"", 200, with_grace);
    CHECK_FALSE(may_serve_stale_on_error(request_with(another), tagged.get(), unreachable, t, with_grace));
    CHECK(may_serve_stale_on_error(request_with(the_same), tagged.get(), unreachable, t, with_grace));
}

// What a soft purge leaves: the same response, whose lifetime ended when the purge came.
TEST_CASE("a response that was made stale: stale as by age, from there on") {
    struct Row {
        std::string_view name;
        const char* directives;
        seconds after;
        std::string_view expected;
        bool on_error, when_disconnected;
    };
    const Row rows[] = {
        {"no window", "max-age=100", 7s, "stale", false, true},
        {"no window, beyond grace", "max-age=100", 3607s, "stale", false, false},
        {"revalidated in the background", "max-age=100, stale-while-revalidate=5", 11s, "serve while revalidating 11",
         false, true},
        {"the window begins with the purge", "max-age=100, stale-while-revalidate=5", 12s, "stale", false, true},
        {"so does that for errors", "max-age=100, stale-if-error=5", 11s, "stale", true, true},
        {"and ends", "max-age=100, stale-if-error=5", 12s, "stale", false, true},
        {"never without the origin", "max-age=100, must-revalidate, stale-if-error=5", 7s, "stale", false, false},
    };
    for (const Row& row : rows) {
        CAPTURE(row.name);
        const StoredPtr stored = changed(stored_from(std::string{"Cache-Control: "} + row.directives),
                                         [](StoredDraft& draft) { draft.freshness.lifetime = 7s; });
        const auto serves = [&](OriginFailure failure) {
            return may_serve_stale_on_error(request_with({}), stored.get(), failure, t + row.after, {});
        };
        CHECK(shown(decide_reuse(request_with({}), stored.get(), false, t + row.after, {})) == row.expected);
        CHECK(serves(OriginFailure::status_5xx) == row.on_error);
        CHECK(serves(OriginFailure::unreachable) == row.when_disconnected);
    }
}
