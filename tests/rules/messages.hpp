#pragma once
// Messages for the tables, written as they look on the wire.

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "proxy/rules/stored_response.hpp"

namespace proxy::rules {

using namespace std::chrono_literals;

constexpr Time t{784'111'777s};  // Sun, 06 Nov 1994 08:49:37 GMT
constexpr const char* date_t = "Date: Sun, 06 Nov 1994 08:49:37 GMT\n";

// "Name: value" lines, separated by \n. Keeps the bytes.
class Lines {
 public:
    Lines(const char* lines) : Lines(std::string{lines}) {}
    Lines(const std::string& lines) : head_("first line\r\n") {
        for (const char c : lines) head_ += c == '\n' ? "\r\n" : std::string{c};
        fields_ = fields_of(head_);
    }
    Lines(const Lines&) = delete;
    Lines& operator=(const Lines&) = delete;

    operator Fields() const { return fields_; }

 private:
    std::string head_;
    std::vector<Field> fields_;
};

inline RequestHeader request_with(Fields fields, http::verb method = http::verb::get) {
    RequestHeader request;
    request.method = method;
    request.authority = "example.com";
    request.target = "/path?a=1";
    request.fields = fields;
    return request;
}

inline ResponseHeader response_with(Fields fields, unsigned status = 200) {
    ResponseHeader response;
    response.status = status;
    response.reason = "Reason";
    response.fields = fields;
    return response;
}

// What is kept of such a response that arrived at `t`, whether it may be stored or not.
inline StoredResponse stored_from(const std::string& lines, unsigned status = 200, const Policy& policy = {},
                                  std::uint64_t size = 10) {
    const Lines fields(lines);
    const ResponseHeader response = response_with(fields, status);
    auto body = std::make_shared<Body>();
    body->chunks.emplace_back(std::string(size, 'x'));
    body->size = size;
    StoredResponse stored;
    stored.key = "http://example.com/path?a=1";
    stored.status = status;
    stored.arrival = arrival_of(response, t, t);
    stored.freshness = freshness_of(response, stored.arrival, policy);
    stored.head = stored_head(response, stored.arrival, size, "weir", policy);
    stored.body = std::move(body);
    return stored;
}

}  // namespace proxy::rules
