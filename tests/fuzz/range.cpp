// Input: the size of the content, the fields of the stored response, an empty line, the fields of the request.

#include "proxy/rules/range.hpp"

#include <bitset>
#include <charconv>

#include "proxy/rules/partial.hpp"
#include "tests/fuzz/fuzz.hpp"

using namespace proxy::rules;
using namespace tests;

namespace {

constexpr std::size_t small = 64;

StoredPtr stored_response(std::string_view& bytes) {
    auto body = std::make_shared<Body>();
    const std::string_view size = take_line(bytes);
    std::from_chars(size.data(), size.data() + size.size(), body->size);
    std::string head = "HTTP/1.1 200 OK\r\n";
    for (const Field& field : take_fields(bytes)) append_field(head, field.name, field.value);
    StoredDraft draft;
    draft.status = 200;
    draft.head = head;
    draft.arrival.date = draft.arrival.response_time = Time{std::chrono::hours{24 * 20'000}};
    draft.body = std::move(body);
    return StoredResponse::make(draft);
}

std::bitset<small> bytes_of(const RangeAnswer& answer) {
    std::bitset<small> bytes;
    if (const auto* ranges = std::get_if<std::vector<ByteRange>>(&answer))
        for (const ByteRange& range : *ranges)
            for (std::uint64_t i = range.first; i <= range.last; ++i) bytes.set(i);
    return bytes;
}

// What each member of Range asks for, taken alone.
std::bitset<small> bytes_asked_for(RequestHeader request, std::string_view list, const StoredResponse& stored) {
    std::bitset<small> bytes;
    std::vector<Field> fields(request.fields.begin(), request.fields.end());
    request.fields = fields;
    for (auto member = next_list_member(list); !member.empty(); member = next_list_member(list)) {
        const std::string alone = "bytes=" + std::string(member);
        for (Field& field : fields)
            if (field.id == http::field::range) field.value = alone;
        bytes |= bytes_of(decide_range(request, stored));
    }
    return bytes;
}

}  // namespace

void fuzz_one(std::string_view bytes) {
    const StoredPtr made = stored_response(bytes);
    const StoredResponse& stored = *made;
    const std::uint64_t size = stored.content_size();
    const std::vector<Field> fields = take_fields(bytes);
    RequestHeader request;
    request.method = http::verb::get;
    request.fields = fields;

    ResponseHeader response;
    response.status = 206;
    response.fields = fields;
    if (const auto part = content_range_of(response))
        require(part->range.first <= part->range.last && part->range.last < part->complete_length,
                "a part lies inside the content");

    const RangeAnswer answer = decide_range(request, stored);
    const bool whole = std::holds_alternative<WholeContent>(answer);
    if (const auto* ranges = std::get_if<std::vector<ByteRange>>(&answer)) {
        require(!ranges->empty(), "a partial answer has a part");
        std::uint64_t left = size;
        for (const ByteRange& range : *ranges) {
            require(range.first <= range.last && range.last < size, "ranges lie inside the content");
            require(range.last - range.first < left, "all of them are no longer than the content");
            left -= range.last - range.first + 1;
        }
    }
    if (whole || size > small) return;
    const std::string_view list = value_of(fields, http::field::range).substr(std::string_view("bytes=").size());
    require(bytes_of(answer) == bytes_asked_for(request, list, stored), "what was asked for, no more and no less");
}
