#pragma once
// Responses and requests to store and to look up.

#include <doctest/doctest.h>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "proxy/rules/cache_key.hpp"
#include "proxy/rules/stored_response.hpp"

namespace tests {

inline constexpr std::string_view example_key = "http://example.com/items/foo?a=1";
inline constexpr proxy::rules::Time example_time{std::chrono::seconds{1'700'000'000}};

// A request with these fields; owns what its header refers to.
class Request {
 public:
    using Texts = std::vector<std::pair<std::string, std::string>>;

    Request() : Request(Texts{}) {}
    Request(std::string name, std::string value) : Request(Texts{{std::move(name), std::move(value)}}) {}
    explicit Request(Texts fields) : texts_(std::move(fields)) {
        for (const auto& [name, value] : texts_)
            fields_.push_back({boost::beast::http::string_to_field(name), name, value});
        header_.method = boost::beast::http::verb::get;
        header_.method_text = "GET";
        header_.authority = "example.com";
        header_.target = "/items/foo?a=1";
        header_.fields = fields_;
    }
    Request(const Request&) = delete;
    Request& operator=(const Request&) = delete;

    operator const proxy::rules::RequestHeader&() const { return header_; }

 private:
    Texts texts_;
    std::vector<proxy::rules::Field> fields_;
    proxy::rules::RequestHeader header_;
};

inline proxy::rules::BodyPtr body_of(const std::vector<std::string>& chunks) {
    auto body = std::make_shared<proxy::rules::Body>();
    for (const std::string& chunk : chunks) {
        body->size += chunk.size();
        body->chunks.emplace_back(chunk);
    }
    return body;
}

inline std::string content_of(const proxy::rules::StoredResponse& response) {
    std::string content;
    for_each_piece(response, 0, response.content_size(), [&](std::string_view piece) { content += piece; });
    return content;
}

// Every member set, each to something else; then changed by change(StoredDraft&).
template <class Change>
proxy::rules::StoredPtr example_with(Change change) {
    using std::chrono::seconds;
    proxy::rules::StoredDraft draft{.key = example_key,
                                    .status = 200,
                                    .head = "HTTP/1.1 200 OK\r\nDate: Tue, 14 Nov 2023 22:13:20 GMT\r\n",
                                    .arrival = {.request_time = example_time - seconds{1},
                                                .response_time = example_time + seconds{1},
                                                .date = example_time,
                                                .age = seconds{3}},
                                    .freshness = {.lifetime = seconds{300},
                                                  .source = proxy::rules::LifetimeSource::max_age,
                                                  .no_cache = true,
                                                  .must_revalidate = false,
                                                  .stale_while_revalidate = seconds{10},
                                                  .stale_if_error = seconds{20},
                                                  .stale_when_disconnected = seconds{30}},
                                    .fetch_time = std::chrono::milliseconds{213},
                                    .surrogate_keys = "items item-foo",
                                    .content = "content"};
    change(draft);
    return proxy::rules::StoredResponse::make(draft);
}

inline proxy::rules::StoredPtr example(std::string_view content = "content", std::string_view key = example_key) {
    return example_with([&](proxy::rules::StoredDraft& draft) {
        draft.content = content;
        draft.key = key;
    });
}

inline proxy::rules::StoredPtr example_in(const std::vector<std::string>& chunks) {
    return example_with([&](proxy::rules::StoredDraft& draft) { draft.body = body_of(chunks); });
}

inline proxy::rules::StoredPtr example_variant(std::string_view content, std::string_view selecting_fields,
                                               const proxy::rules::RequestHeader& request,
                                               std::string_view primary_key = example_key) {
    const std::string key = proxy::rules::variant_key(primary_key, selecting_fields, request);
    return example_with([&](proxy::rules::StoredDraft& draft) {
        draft.content = content;
        draft.key = key;
        draft.selecting_fields = selecting_fields;
    });
}

inline void check_same(const proxy::rules::StoredResponse& a, const proxy::rules::StoredResponse& b) {
    CHECK(a.key() == b.key());
    CHECK(a.status() == b.status());
    CHECK(a.head() == b.head());
    CHECK(a.arrival().request_time == b.arrival().request_time);
    CHECK(a.arrival().response_time == b.arrival().response_time);
    CHECK(a.arrival().date == b.arrival().date);
    CHECK(a.arrival().age == b.arrival().age);
    CHECK(a.freshness().lifetime == b.freshness().lifetime);
    CHECK(a.freshness().source == b.freshness().source);
    CHECK(a.freshness().stale_while_revalidate == b.freshness().stale_while_revalidate);
    CHECK(a.freshness().stale_if_error == b.freshness().stale_if_error);
    CHECK(a.freshness().stale_when_disconnected == b.freshness().stale_when_disconnected);
    CHECK(a.freshness().no_cache == b.freshness().no_cache);
    CHECK(a.freshness().must_revalidate == b.freshness().must_revalidate);
    CHECK(a.fetch_time() == b.fetch_time());
    CHECK(a.selecting_fields() == b.selecting_fields());
    CHECK(a.surrogate_keys() == b.surrogate_keys());
    CHECK(a.content_size() == b.content_size());
    REQUIRE((a.partial() == nullptr) == (b.partial() == nullptr));
    if (a.partial()) CHECK(*a.partial() == *b.partial());
    CHECK(content_of(a) == content_of(b));
}

}  // namespace tests
