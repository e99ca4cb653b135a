#include "proxy/serving/heads.hpp"

#include <doctest/doctest.h>

#include <vector>

using namespace proxy;
using namespace proxy::serving;
using rules::Field;
namespace http = boost::beast::http;

namespace {

constexpr Time now{std::chrono::seconds{784111777}};

bool contains(const std::string& text, std::string_view part) { return text.find(part) != text.npos; }

}  // namespace

TEST_CASE("the forwarded request is written anew: RFC 9110 §7.6") {
    const std::vector<Field> fields{
        {http::field::host, "Host", "client.example"},
        {http::field::connection, "Connection", "close, X-Mine"},
        {http::field::unknown, "X-Mine", "1"},
        {http::field::te, "TE", "trailers"},
        {http::field::unknown, "X-Forwarded-For", "6.6.6.6"},
        {http::field::accept, "Accept", "*/*"},
        {http::field::if_none_match, "If-None-Match", "\"a\""},
        {http::field::range, "Range", "bytes=0-1"},
        {http::field::via, "Via", "1.1 other"},
    };
    const rules::RequestHeader request{.method = http::verb::get,
                                       .method_text = "GET",
                                       .authority = "client.example",
                                       .target = "/x?y",
                                       .fields = fields};
    const rules::Policy policy;
    const ForwardingInfo info{
        .host = "client.example", .client = "10.0.0.1", .request_id = "id", .proxy_name = "weir", .policy = policy};

    SUBCASE("for the store: whole, without the client's conditions") {
        const auto out = outgoing_request(request, false, std::nullopt, true, "", info);
        CHECK(
            out.head ==
            "GET /x?y HTTP/1.1\r\nHost: client.example\r\nAccept: */*\r\nVia: 1.1 other\r\nTE: trailers\r\n"
            "Connection: TE\r\nX-Forwarded-For: 10.0.0.1\r\n"
            "X-Forwarded-Proto: http\r\nX-Forwarded-Host: client.example\r\nX-Request-Id: id\r\nVia: 1.1 weir\r\n\r\n");
        CHECK(out.content == upstream::OutgoingRequest::Content::none);
    }
    SUBCASE("past the store: with them") {
        const auto out = outgoing_request(request, false, std::nullopt, false, "", info);
        CHECK(contains(out.head, "If-None-Match: \"a\"\r\nRange: bytes=0-1\r\n"));
    }
    SUBCASE("without what the route drops, unless it is part of the key") {
        const std::vector<Field> claims{{http::field::unknown, "X-Host", "evil"},
                                        {http::field::unknown, "X-Mine", "1"},
                                        {http::field::unknown, "Content_Length", "5"}};
        rules::RequestHeader other = request;
        other.fields = claims;
        CHECK(contains(outgoing_request(other, false, std::nullopt, true, "", info).head,
                       "Host: client.example\r\nX-Mine: 1\r\nX-Forwarded-For"));
        rules::Policy keyed;
        keyed.dropped_request_fields = {"*"};
        keyed.key.request_fields = {"x-host"};
        const ForwardingInfo by_key{.host = "h", .client = "", .request_id = "", .proxy_name = "", .policy = keyed};
        CHECK(contains(outgoing_request(other, false, std::nullopt, true, "", by_key).head,
                       "Host: h\r\nX-Host: evil\r\nX-Forwarded-Proto"));
    }
    SUBCASE("an origin that may overlook its content is told that nothing follows") {
        for (const http::verb method : {http::verb::get, http::verb::delete_, http::verb::post}) {
            rules::RequestHeader other = request;
            other.method = method;
            const auto out = outgoing_request(other, true, 5, false, "", info);
            CHECK(contains(out.head, "\r\nConnection: close\r\n") == (method != http::verb::post));
            CHECK_FALSE(contains(outgoing_request(other, false, std::nullopt, false, "", info).head, ": close"));
        }
    }
    SUBCASE("without a client there is none to name") {
        const ForwardingInfo ours{
            .host = "h", .client = "", .request_id = "id", .proxy_name = "weir", .policy = policy};
        CHECK_FALSE(contains(outgoing_request(request, false, std::nullopt, true, "", ours).head, "X-Forwarded-For"));
    }
    SUBCASE("Max-Forwards counts down, where it means something") {
        const std::vector<Field> two{{http::field::max_forwards, "Max-Forwards", "2"}};
        rules::RequestHeader other = request;
        other.fields = two;
        CHECK(contains(outgoing_request(other, false, std::nullopt, true, "", info).head, "\r\nMax-Forwards: 2\r\n"));
        other.method = http::verb::options;
        CHECK(contains(outgoing_request(other, false, std::nullopt, true, "", info).head, "\r\nMax-Forwards: 1\r\n"));
    }
    SUBCASE("with content of unknown size: framed anew") {
        const auto out = outgoing_request(request, true, std::nullopt, false, "", info);
        CHECK(contains(out.head, "\r\nTransfer-Encoding: chunked\r\n"));
        CHECK(out.content == upstream::OutgoingRequest::Content::chunked);
    }
    SUBCASE("with content of known size, to a server with a name of its own") {
        const ForwardingInfo named{
            .host = "origin.example", .client = "::1", .request_id = "id", .proxy_name = "weir", .policy = policy};
        const auto out = outgoing_request(request, true, 5, false, "", named);
        CHECK(contains(out.head, "\r\nHost: origin.example\r\n"));
        CHECK(contains(out.head, "\r\nContent-Length: 5\r\n"));
        CHECK(contains(out.head, "\r\nX-Forwarded-Host: client.example\r\n"));
    }
}

TEST_CASE("the end of the content is told in a way the client knows: RFC 9112 §6") {
    struct Row {
        std::string name;
        http::verb method;
        unsigned version, status;
        std::optional<std::uint64_t> length;
        Framing expected;
    };
    const Row rows[] = {
        {"known length", http::verb::get, 11, 200, 5, Framing::content_length},
        {"unknown length", http::verb::get, 11, 200, std::nullopt, Framing::chunked},
        {"unknown length, HTTP/1.0", http::verb::get, 10, 200, std::nullopt, Framing::until_close},
        {"HEAD", http::verb::head, 11, 200, 5, Framing::none},
        {"204", http::verb::get, 11, 204, std::nullopt, Framing::none},
        {"304", http::verb::get, 11, 304, 5, Framing::none},
    };
    for (const Row& row : rows) {
        CAPTURE(row.name);
        rules::RequestHeader request;
        request.method = row.method;
        request.version = row.version;
        CHECK(framing_for(request, row.status, row.length) == row.expected);
    }
}

TEST_CASE("the forwarded response: one framing, a Date, Via, nothing of one hop") {
    const std::vector<Field> fields{
        {http::field::connection, "Connection", "X-Hop"},
        {http::field::unknown, "X-Hop", "1"},
        {http::field::transfer_encoding, "Transfer-Encoding", "chunked"},
        {http::field::content_type, "Content-Type", "text/plain"},
        {http::field::set_cookie, "Set-Cookie", "a=1"},
        {http::field::set_cookie, "Set-Cookie", "b=2"},
        {http::field::unknown, "surrogate-key", "a b"},
    };
    const rules::ResponseHeader response{.status = 200, .reason = "Fine", .fields = fields};
    CHECK(forwarded_head(response, Framing::chunked, now, "weir", {}) ==
          "HTTP/1.1 200 Fine\r\nContent-Type: text/plain\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\n"
          "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\nVia: 1.1 weir\r\nTransfer-Encoding: chunked\r\n");
}

TEST_CASE("generated fields say what the cache did: RFC 9211") {
    using namespace std::chrono_literals;
    observe::ExchangeRecord record;
    std::string out;
    SUBCASE("a hit in memory") {
        record.outcome = observe::Outcome::hit;
        record.tier = observe::Tier::memory;
        append_generated_fields(out, record, 3s, 297s, true, 11);
        CHECK(out == "Age: 3\r\nCache-Status: Weir; hit; ttl=297; detail=memory\r\nX-Cache: HIT\r\n\r\n");
    }
    SUBCASE("a stored miss for HTTP/1.0") {
        record.outcome = observe::Outcome::miss;
        record.forwarded = rules::ForwardReason::uri_miss;
        record.forward_status = 200;
        record.stored = true;
        append_generated_fields(out, record, std::nullopt, std::nullopt, true, 10);
        CHECK(out ==
              "Cache-Status: Weir; fwd=uri-miss; fwd-status=200; stored\r\nX-Cache: MISS\r\nConnection: "
              "keep-alive\r\n\r\n");
    }
    SUBCASE("not stored, and the connection ends") {
        record.outcome = observe::Outcome::miss;
        record.forwarded = rules::ForwardReason::uri_miss;
        record.forward_status = 200;
        record.uncacheable = rules::Uncacheable::no_store;
        append_generated_fields(out, record, std::nullopt, std::nullopt, false, 11);
        CHECK(out ==
              "Cache-Status: Weir; fwd=uri-miss; fwd-status=200; detail=no-store\r\nX-Cache: MISS\r\nConnection: "
              "close\r\n\r\n");
    }
    CHECK(out.size() < max_generated_fields);
}
