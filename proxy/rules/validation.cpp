#include "proxy/rules/validation.hpp"

#include <algorithm>

#include "proxy/rules/cache_key.hpp"
#include "proxy/rules/entity_tag.hpp"
#include "proxy/rules/http_date.hpp"
#include "proxy/rules/storable.hpp"
#include "proxy/rules/stored_head.hpp"
#include "proxy/rules/surrogate_keys.hpp"

namespace proxy::rules {
namespace {

// RFC 9111 §4.3.4. A 304 without validators confirms what our request named.
bool confirms(const ResponseHeader& not_modified, const StoredResponse& stored) {
    const std::string_view etag = value_of(not_modified.fields, http::field::etag);
    if (!etag.empty()) {
        const Comparison comparison = etag.starts_with("W/") ? Comparison::weak : Comparison::strong;
        return equal(etag, field_in(stored.head(), "ETag"), comparison);
    }
    const std::string_view last_modified = value_of(not_modified.fields, http::field::last_modified);
    return last_modified.empty() || last_modified == field_in(stored.head(), "Last-Modified");
}

// Null where the updated response could not be stored anew, or would be selected by other request fields.
StoredPtr updated(const StoredResponse& stored, RequestHeader request, const ResponseHeader& update,
                  const Arrival& arrival, const Policy& policy) {
    const std::string head = updated_head(stored.head(), update, arrival, policy);
    const std::vector<Field> fields = fields_of(head);
    const ResponseHeader response{.status = stored.status(), .reason = {}, .version = 11, .fields = fields};
    request.method = http::verb::get;
    const Storing storing = decide_storing(request, false, response, arrival, policy);
    if (!std::holds_alternative<Freshness>(storing) || selecting_fields(response) != stored.selecting_fields())
        return {};
    StoredDraft fresh = stored.draft();
    fresh.head = head;
    fresh.arrival = arrival;
    fresh.freshness = std::get<Freshness>(storing);
    std::optional<std::string> keys;
    if (has_surrogate_keys(update.fields, policy)) {
        keys = surrogate_keys(update.fields, policy);
        if (!keys) return {};
        fresh.surrogate_keys = *keys;
    }
    return StoredResponse::make(fresh);
}

}  // namespace

bool client_copy_is_valid(const RequestHeader& request, const StoredResponse& stored) {
    if (stored.status() < 200 || stored.status() > 299) return false;  // RFC 9110 §13.2.1
    if (has(request.fields, http::field::if_none_match)) {
        return lists_entity_tag(request.fields, http::field::if_none_match, field_in(stored.head(), "ETag"),
                                Comparison::weak);
    }
    const Field* since = find(request.fields, http::field::if_modified_since);
    if (!since) return false;
    const auto limit = parse_http_date(since->value, stored.arrival().response_time);
    const auto last_modified =
        parse_http_date(field_in(stored.head(), "Last-Modified"), stored.arrival().response_time);
    return limit && last_modified.value_or(stored.arrival().date) <= *limit;
}

std::string not_modified_head(const StoredResponse& stored) {
    const bool has_etag = !field_in(stored.head(), "ETag").empty();
    std::string head = "HTTP/1.1 304 Not Modified\r\n";
    for (const Field& field : fields_of(stored.head())) {
        switch (field.id) {
            case http::field::last_modified:
                if (has_etag) break;
                [[fallthrough]];
            case http::field::cache_control:
            case http::field::content_location:
            case http::field::date:
            case http::field::etag:
            case http::field::expires:
            case http::field::vary:
            case http::field::via: append_field(head, field.name, field.value); break;
            default: break;
        }
    }
    return head;
}

bool has_validator(const StoredResponse& stored) noexcept {
    return !field_in(stored.head(), "ETag").empty() ||
           parse_http_date(field_in(stored.head(), "Last-Modified"), stored.arrival().response_time);
}

void append_conditional_fields(std::string& out, const StoredResponse& stored) {
    if (const std::string_view etag = field_in(stored.head(), "ETag"); !etag.empty())
        append_field(out, "If-None-Match", etag);
    if (const std::string_view date = field_in(stored.head(), "Last-Modified"); !date.empty())
        append_field(out, "If-Modified-Since", date);
}

StoredPtr freshen(const StoredResponse& stored, const RequestHeader& request, const ResponseHeader& not_modified,
                  const Arrival& arrival, const Policy& policy) {
    if (!confirms(not_modified, stored)) return {};
    return updated(stored, request, not_modified, arrival, policy);
}

bool contradicts(const ResponseHeader& head_response, const StoredResponse& stored) {
    constexpr http::field identifying[] = {http::field::etag, http::field::last_modified, http::field::content_length};
    return head_response.status != stored.status() || std::ranges::any_of(identifying, [&](http::field id) {
               const Field* field = find(head_response.fields, id);
               return field && field->value != field_in(stored.head(), field->name);
           });
}

StoredPtr freshen_from_head(const StoredResponse& stored, const RequestHeader& request, const ResponseHeader& response,
                            const Arrival& arrival, const Policy& policy) {
    if (contradicts(response, stored)) return {};
    return updated(stored, request, response, arrival, policy);
}

}  // namespace proxy::rules
