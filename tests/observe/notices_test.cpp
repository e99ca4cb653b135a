#include "proxy/observe/notices.hpp"

#include <doctest/doctest.h>

#include <vector>

#include "proxy/error.hpp"

namespace proxy::observe {
namespace {

using std::chrono::seconds;

struct Lines {
    std::vector<std::string> all;
    Notices notices{[this](LogLevel level, std::string_view line) {
        all.push_back((level == LogLevel::warning ? "warning " : "info ") + std::string(line));
    }};
};

const ExchangeRecord failed{.client = "10.0.0.1",
                            .method = "GET",
                            .authority = "a",
                            .target = "/x",
                            .request_id = "id",
                            .status = 502,
                            .detail = "the origin cannot be reached",
                            .bytes_sent = 100,
                            .error = make_error_code(Errc::upstream_unreachable)};

TEST_CASE("notices: what is said of a request") {
    ExchangeRecord refused = failed, answered = failed, untagged = failed, only_if_cached = failed, gone = failed;
    refused.status = 400;
    refused.detail = "malformed";
    refused.error = {};
    refused.method = {};
    answered.detail = {};
    untagged.detail = {};
    untagged.uncacheable = rules::Uncacheable::surrogate_keys;
    only_if_cached.status = 504;
    only_if_cached.error = {};
    gone.bytes_sent = 0;
    Lines lines;
    for (const ExchangeRecord& record : {failed, refused, answered, untagged, only_if_cached, gone})
        lines.notices.take(record, {});
    REQUIRE(lines.all.size() == 4);
    CHECK(lines.all[3].starts_with("info "));
    CHECK(lines.all[0] == "warning request id of 10.0.0.1 was answered 502, the origin cannot be reached (" +
                              failed.error.message() + "): GET a/x");
    CHECK(lines.all[1] == "info request id of 10.0.0.1 was answered 400, malformed");
    CHECK(lines.all[2] == "warning not stored, as it has too many surrogate keys: GET a/x");
}

TEST_CASE("notices: a flood of one kind is cut short, counted, and hides no other") {
    Lines lines;
    const Notices::Time now{seconds(5)};
    for (int i = 0; i < 100; ++i) lines.notices.take(failed, now);
    CHECK(lines.all.size() == Notices::lines_a_second);
    ExchangeRecord refused = failed;
    refused.status = 400;
    lines.notices.take(refused, now);
    CHECK(lines.all.size() == Notices::lines_a_second + 1);
    lines.notices.take(failed, now + seconds(1));
    REQUIRE(lines.all.size() == Notices::lines_a_second + 3);
    CHECK(lines.all[Notices::lines_a_second + 1] == "warning left out: 90 lines of failed requests");
}

}  // namespace
}  // namespace proxy::observe
