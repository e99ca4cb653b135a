// Input: a record as it comes from Redis, without its checksum.

#include "proxy/rules/cache_control.hpp"
#include "proxy/rules/partial.hpp"
#include "proxy/rules/range.hpp"
#include "proxy/rules/reuse.hpp"
#include "proxy/rules/stored_head.hpp"
#include "proxy/rules/validation.hpp"
#include "proxy/store/wire_format.hpp"
#include "tests/fuzz/fuzz.hpp"

using namespace proxy;
using namespace proxy::store;
using namespace tests;

namespace {

constexpr std::string_view key = "http://h/";

std::string with_checksum(std::string_view bytes) {
    std::string record{bytes};
    for (std::uint64_t sum = checksum(bytes), i = 0; i < sizeof sum; ++i)
        record += static_cast<char>(static_cast<unsigned char>(sum >> (8 * i)));
    return record;
}

std::string encoded(const ResponseRecord& record) {
    rules::StoredDraft response = record.response->draft();
    if (record.pieces.count > 0) {  // then its content stands elsewhere
        auto body = std::make_shared<rules::Body>();
        body->size = record.content_size;
        response.body = std::move(body);
    }
    return encode_response(*rules::StoredResponse::make(response), record.index_generation, record.pieces,
                           record.purge_position);
}

std::string encoded(const IndexRecord& record) { return encode_index(key, record); }

// Whatever a record says, the rules have an answer.
void use(const rules::StoredResponse& stored) {
    using namespace proxy::rules;
    static const Field conditions[] = {{http::field::range, "Range", "bytes=1-"},
                                       {http::field::if_none_match, "If-None-Match", "\"a\""}};
    RequestHeader request;
    request.method = http::verb::get;
    request.fields = conditions;
    for (const Time now : {Time{}, Time{seconds{1'700'000'000}}}) {
        require(current_age(stored.arrival(), now) >= seconds{0}, "no age is negative");
        require(current_age(stored.arrival(), now) <= max_delta_seconds, "no age is more than 2^31");
        require(stored.useful_for(now, seconds{3600}) >= seconds{0}, "no use is negative");
        (void)decide_reuse(request, &stored, false, now, {});
        (void)may_serve_stale_on_error({}, &stored, OriginFailure::unreachable, now, {});
    }
    (void)has_content_for(request, stored);
    if (const auto missing = missing_range(stored))
        require(missing->first <= missing->last && missing->last < stored.complete_length(), "missing is inside");
    (void)client_copy_is_valid(request, stored);
    (void)not_modified_head(stored);
    const std::vector<Field> fields = fields_of(stored.head());
    for (const Field& field : fields)
        require(field_in(stored.head(), field.name) == find(fields, field.name)->value, "the first of its name");
}

}  // namespace

void fuzz_one(std::string_view bytes) {
    require(!decode_record(bytes, key) || bytes == with_checksum(bytes.substr(0, bytes.size() - 8)), "checked");
    const std::string record = with_checksum(bytes);
    const Pieces pieces = peek_pieces(record);
    const Result<std::string_view> piece = decode_piece(record, pieces.generation, pieces.count);
    require(!piece || piece->size() < record.size(), "a piece is part of its record");

    const Result<Record> decoded = decode_record(record, key);
    if (!decoded) return;
    require(!piece, "a record is not a piece");
    require(std::visit([](const auto& found) { return encoded(found); }, *decoded) == record,
            "what decodes encodes to the same bytes");
    require(decode_record(record, "http://h/other").has_error(), "a record answers to its own key only");
    if (const auto* response = std::get_if<ResponseRecord>(&*decoded)) {
        require(response->pieces.generation == pieces.generation && response->pieces.count == pieces.count,
                "the prefix says where the pieces are");
        use(*response->response);
        const rules::StoredPtr twice =
            rules::merged(*response->response, *response->response, response->response->head());
        if (twice && pieces.count == 0)
            require(encode_response(*twice, response->index_generation, pieces, response->purge_position) == record,
                    "combined with itself it is itself");
    }
}
