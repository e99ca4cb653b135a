#include "proxy/rules/stored_head.hpp"

#include <algorithm>

#include "proxy/rules/http_date.hpp"
#include "proxy/rules/surrogate_keys.hpp"

namespace proxy::rules {
namespace {

// Takes a line off the front.
std::string_view next_line(std::string_view& head) noexcept {
    const std::string_view line = head.substr(0, head.find("\r\n"));
    head.remove_prefix(std::min(line.size() + 2, head.size()));
    return line;
}

struct NameAndValue {
    std::string_view name, value;
};

NameAndValue split(std::string_view line) noexcept {
    const std::size_t colon = std::min(line.find(':'), line.size());
    return {line.substr(0, colon), trim(line.substr(std::min(colon + 1, line.size())))};
}

// Which fields of a response may be stored with it.
class StorableFields {
 public:
    StorableFields(const ResponseHeader& response, const Arrival& arrival, const Policy& policy)
        : fields_(response.fields),
          policy_(policy),
          hop_by_hop_(response.fields),
          control_(response_directives(response.fields, policy).control),
          is_part_(response.status == 206),
          set_cookie_(policy.set_cookie == SetCookiePolicy::store),
          date_(parse_http_date(value_of(response.fields, http::field::date), arrival.response_time)) {
        withheld_.insert(control_.no_cache_fields.begin(), control_.no_cache_fields.end());
        withheld_.insert(control_.private_fields.begin(), control_.private_fields.end());
    }
    StorableFields(const StorableFields&) = delete;
    StorableFields& operator=(const StorableFields&) = delete;

    [[nodiscard]] std::vector<Field> list() const {
        std::vector<Field> storable;
        for (const Field& field : fields_)
            if (!hop_by_hop_.contain(field) && !withholds(field.name) && may_store(field.id) &&
                !is_surrogate_key_field(field.name, policy_) && !(is_part_ && iequals(field.name, "Content-Digest")))
                storable.push_back(field);
        return storable;
    }

    // By no-cache="..." or private="...". RFC 9111 §5.2.2.4, §5.2.2.7
    [[nodiscard]] bool withholds(std::string_view name) const noexcept { return withheld_.contains(name); }

 private:
    [[nodiscard]] bool may_store(http::field id) const noexcept {
        switch (id) {
            case http::field::age:
            case http::field::content_length:
            case http::field::trailer: return false;
            case http::field::content_md5:
            case http::field::content_range: return !is_part_;
            case http::field::set_cookie: return set_cookie_;
            case http::field::date: return date_.has_value();
            default: return true;
        }
    }

    Fields fields_;
    const Policy& policy_;
    HopByHopFields hop_by_hop_;
    CacheControl control_;
    FieldNames withheld_;  // refers to control_
    bool is_part_;
    bool set_cookie_;
    std::optional<Time> date_;  // empty where the field is absent or invalid
};

void append_storable(std::string& head, Fields fields, const Arrival& arrival) {
    for (const Field& field : fields) append_field(head, field.name, field.value);
    if (!has(fields, http::field::date)) append_field(head, "Date", format_http_date(arrival.date));  // RFC 9110 §6.6.1
}

bool may_be_updated(http::field id) noexcept {
    switch (id) {
        case http::field::content_encoding:  // what describes the stored content stays with it
        case http::field::content_md5:
        case http::field::content_range:
        case http::field::etag:
        case http::field::via: return false;
        default: return true;
    }
}

}  // namespace

std::vector<Field> fields_of(std::string_view head) {
    std::vector<Field> fields;
    next_line(head);
    while (!head.empty()) {
        const auto [name, value] = split(next_line(head));
        fields.push_back({http::string_to_field(name), name, value});
    }
    return fields;
}

std::string_view field_in(std::string_view head, std::string_view name) noexcept {
    next_line(head);
    while (!head.empty()) {
        const NameAndValue field = split(next_line(head));
        if (iequals(field.name, name)) return field.value;
    }
    return {};
}

std::string stored_head(const ResponseHeader& response, const Arrival& arrival,
                        std::optional<std::uint64_t> content_length, std::string_view proxy_name,
                        const Policy& policy) {
    std::string head = "HTTP/1.1 ";
    if (response.status == 206)
        head += "200 OK\r\n";
    else
        head.append(std::to_string(response.status)).append(" ").append(response.reason).append("\r\n");
    append_storable(head, StorableFields{response, arrival, policy}.list(), arrival);
    append_via(head, response.version, proxy_name);
    if (content_length && has_content(http::verb::get, response.status))
        append_field(head, "Content-Length", std::to_string(*content_length));
    return head;
}

std::string updated_head(std::string_view head, const ResponseHeader& update, const Arrival& arrival,
                         const Policy& policy) {
    const StorableFields storable(update, arrival, policy);
    std::vector<Field> replacing = storable.list();
    std::erase_if(replacing, [](const Field& field) {
        return !may_be_updated(field.id) || iequals(field.name, "Content-Digest");
    });
    FieldNames replaced{"Date"};
    for (const Field& field : replacing) replaced.insert(field.name);

    std::string updated{head.substr(0, head.find("\r\n") + 2)};
    for (const Field& field : fields_of(head))
        if (!replaced.contains(field.name) && !storable.withholds(field.name))
            append_field(updated, field.name, field.value);
    append_storable(updated, replacing, arrival);
    return updated;
}

}  // namespace proxy::rules
