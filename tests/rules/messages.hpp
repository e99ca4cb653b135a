#pragma once
// Messages for the tables, written as they look on the wire.

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "proxy/rules/stored_head.hpp"
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
inline StoredPtr stored_from(const std::string& lines, unsigned status = 200, const Policy& policy = {},
                             std::uint64_t size = 10) {
    const Lines fields(lines);
    const ResponseHeader response = response_with(fields, status);
    StoredDraft draft;
    draft.key = "http://example.com/path?a=1";
    draft.status = status;
    draft.arrival = arrival_of(response, t, t);
    draft.freshness = freshness_of(response, draft.arrival, policy);
    const std::string head = stored_head(response, draft.arrival, size, "weir", policy);
    draft.head = head;
    const std::string content(size, 'x');
    draft.content = content;
    return StoredResponse::make(draft);
}

// The same but for what change(StoredDraft&) does to it.
template <class Change>
StoredPtr changed(const StoredPtr& stored, Change change) {
    StoredDraft draft = stored->draft();
    change(draft);
    return StoredResponse::make(draft);
}

}  // namespace proxy::rules
