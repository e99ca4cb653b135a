#include "proxy/rules/range.hpp"

#include <algorithm>
#include <charconv>
#include <limits>

#include "proxy/rules/entity_tag.hpp"
#include "proxy/rules/http_date.hpp"

namespace proxy::rules {
namespace {

constexpr std::size_t max_ranges = 32;
constexpr std::uint64_t huge = std::numeric_limits<std::uint64_t>::max();

// Saturated.
std::optional<std::uint64_t> parse_offset(std::string_view digits) noexcept {
    if (digits.empty() || digits.find_first_not_of("0123456789") != digits.npos) return {};
    std::uint64_t value = huge;
    std::from_chars(digits.data(), digits.data() + digits.size(), value);
    return value;
}

// `0-499`, `500-` or `-500`, as far as they go beyond any content. RFC 9110 §14.1.1
struct Spec {
    std::optional<std::uint64_t> first, last;  // without `first`: the suffix of length `last`
};

std::optional<Spec> parse_spec(std::string_view text) noexcept {
    const std::size_t dash = text.find('-');
    if (dash == text.npos) return {};
    const std::string_view first = text.substr(0, dash);
    const std::string_view last = text.substr(dash + 1);
    const Spec spec{parse_offset(first), parse_offset(last)};
    const bool malformed = (!first.empty() && !spec.first) || (!last.empty() && !spec.last) || text.size() == 1 ||
                           (spec.first && spec.last && *spec.first > *spec.last);
    return malformed ? std::nullopt : std::optional{spec};
}

// Empty where the content has no such bytes. RFC 9110 §14.1.2
std::optional<ByteRange> satisfy(const Spec& spec, std::uint64_t size) noexcept {
    if (spec.first) {
        if (*spec.first >= size) return {};
        return ByteRange{*spec.first, std::min(spec.last.value_or(huge), size - 1)};
    }
    if (*spec.last == 0) return {};
    return ByteRange{size - std::min(*spec.last, size), size - 1};
}

// RFC 9110 §13.1.5
bool if_range_holds(const RequestHeader& request, const StoredResponse& stored) {
    const Field* condition = find(request.fields, http::field::if_range);
    if (!condition) return true;
    const std::string_view validator = condition->value;
    if (validator.starts_with('"') || validator.starts_with("W/"))
        return equal(validator, field_in(stored.head, "ETag"), Comparison::strong);
    const std::string_view last_modified = field_in(stored.head, "Last-Modified");
    const auto time = parse_http_date(last_modified, stored.arrival.response_time);
    return time && validator == last_modified && *time < stored.arrival.date;  // else it is weak. RFC 9110 §8.8.2.2
}

// Ascending; those that overlap or touch become one.
std::vector<ByteRange> united(std::vector<ByteRange> ranges) {
    std::sort(ranges.begin(), ranges.end(), [](const ByteRange& a, const ByteRange& b) { return a.first < b.first; });
    std::vector<ByteRange> result;
    for (const ByteRange& range : ranges) {
        if (!result.empty() && range.first <= result.back().last + 1)
            result.back().last = std::max(result.back().last, range.last);
        else
            result.push_back(range);
    }
    return result;
}

const ByteRange* part_with(const Partial& partial, ByteRange range) noexcept {
    const auto part = std::find_if(partial.parts.begin(), partial.parts.end(), [&](const ByteRange& candidate) {
        return candidate.first <= range.first && range.last <= candidate.last;
    });
    return part == partial.parts.end() ? nullptr : &*part;
}

// Of content that is not empty.
std::vector<ByteRange> parts_of(const StoredResponse& stored) {
    return stored.partial ? stored.partial->parts : std::vector<ByteRange>{{0, stored.body->size - 1}};
}

// Ascending; those that overlap or touch become one.
std::vector<ByteRange> parts_of_either(const StoredResponse& a, const StoredResponse& b) {
    std::vector<ByteRange> parts = parts_of(a);
    const std::vector<ByteRange> others = parts_of(b);
    parts.insert(parts.end(), others.begin(), others.end());
    return united(std::move(parts));
}

void append_content(Body& body, const StoredResponse& stored, ByteRange range) {
    std::uint64_t skipped = offset_in_body(stored, range);
    std::uint64_t wanted = range.size();
    for (const std::string& chunk : stored.body->chunks) {
        if (skipped >= chunk.size()) {
            skipped -= chunk.size();
            continue;
        }
        std::string piece = chunk.substr(skipped, wanted);
        skipped = 0;
        wanted -= piece.size();
        body.size += piece.size();
        body.chunks.push_back(std::move(piece));
        if (wanted == 0) return;
    }
}

// The fields of `later`, and those that only `stored` has: it may answer If-Range with less. RFC 9110 §15.3.7
std::string united_head(const StoredResponse& stored, const StoredResponse& later) {
    std::string head = later.head;
    FieldNames given;
    for (const Field& field : fields_of(later.head)) given.insert(field.name);
    for (const Field& field : fields_of(stored.head))
        if (!given.contains(field.name)) append_field(head, field.name, field.value);
    return head;
}

// The bytes of `later`, and of `stored` those that `later` has not.
BodyPtr united_body(const StoredResponse& stored, const StoredResponse& later) {
    auto body = std::make_shared<Body>();
    const std::vector<ByteRange> newer = parts_of(later);
    for (const ByteRange& part : parts_of_either(stored, later)) {
        for (std::uint64_t at = part.first; at <= part.last;) {
            const auto next =
                std::find_if(newer.begin(), newer.end(), [&](ByteRange range) { return range.last >= at; });
            const bool in_later = next != newer.end() && next->first <= at;
            std::uint64_t until = part.last;
            if (next != newer.end()) until = std::min(until, in_later ? next->last : next->first - 1);
            append_content(*body, in_later ? later : stored, {at, until});
            at = until + 1;
        }
    }
    return body;
}

}  // namespace

RangeAnswer decide_range(const RequestHeader& request, const StoredResponse& stored) {
    const Field* range = find(request.fields, http::field::range);
    if (!range || request.method != http::verb::get || stored.status != 200) return WholeContent{};
    if (std::count_if(request.fields.begin(), request.fields.end(),
                      [](const Field& field) { return field.id == http::field::range; }) > 1)
        return WholeContent{};
    constexpr std::string_view unit = "bytes=";
    if (!iequals(range->value.substr(0, unit.size()), unit) || !if_range_holds(request, stored)) return WholeContent{};

    const std::uint64_t size = stored.complete_length();
    if (size == 0) return WholeContent{};
    std::vector<ByteRange> ranges;
    std::size_t count = 0;
    std::string_view list = range->value.substr(unit.size());
    for (auto member = next_list_member(list); !member.empty(); member = next_list_member(list)) {
        const auto spec = parse_spec(member);
        if (!spec || ++count > max_ranges) return WholeContent{};
        if (const auto satisfied = satisfy(*spec, size)) ranges.push_back(*satisfied);
    }
    if (count == 0) return WholeContent{};
    if (ranges.empty()) return Unsatisfiable{};
    // In the order asked for, unless some overlap or touch. RFC 9110 §14.2
    const std::vector<ByteRange> apart = united(ranges);
    return apart.size() == ranges.size() ? ranges : apart;
}

bool has_content_for(const RequestHeader& request, const StoredResponse& stored) {
    if (!stored.partial) return true;
    const RangeAnswer answer = decide_range(request, stored);
    if (const auto* ranges = std::get_if<std::vector<ByteRange>>(&answer))
        return std::all_of(ranges->begin(), ranges->end(),
                           [&](const ByteRange& range) { return part_with(*stored.partial, range) != nullptr; });
    return std::holds_alternative<Unsatisfiable>(answer);
}

std::uint64_t offset_in_body(const StoredResponse& stored, ByteRange range) noexcept {
    if (!stored.partial) return range.first;
    std::uint64_t offset = 0;
    for (const ByteRange& part : stored.partial->parts) {
        if (range.first <= part.last) return offset + range.first - part.first;
        offset += part.size();
    }
    return offset;
}

std::optional<ContentRange> content_range_of(const ResponseHeader& response) {
    const Field* field = find(response.fields, http::field::content_range);
    constexpr std::string_view unit = "bytes ";
    if (response.status != 206 || !field || !iequals(field->value.substr(0, unit.size()), unit)) return {};
    const std::string_view value = field->value.substr(unit.size());
    const std::size_t dash = std::min(value.find('-'), value.size());
    const std::size_t slash = std::min(value.find('/', dash), value.size());
    const auto first = parse_offset(value.substr(0, dash));
    const auto last = parse_offset(value.substr(std::min(dash + 1, slash), slash - std::min(dash + 1, slash)));
    const auto length = parse_offset(value.substr(std::min(slash + 1, value.size())));
    if (!first || !last || !length || *first > *last || *last >= *length || *length == huge) return {};
    return ContentRange{.range = {*first, *last}, .complete_length = *length};
}

std::optional<ByteRange> missing_range(const StoredResponse& stored) {
    const std::string_view etag = field_in(stored.head, "ETag");
    if (!stored.partial || !etag.starts_with('"')) return {};
    const auto& [length, parts] = *stored.partial;
    const bool at_front = parts.front().first > 0;
    const bool at_end = parts.back().last + 1 < length;
    const std::size_t gaps = parts.size() - 1 + (at_front ? 1 : 0) + (at_end ? 1 : 0);
    if (gaps != 1) return {};
    if (at_front) return ByteRange{0, parts.front().first - 1};
    if (at_end) return ByteRange{parts.back().last + 1, length - 1};
    return ByteRange{parts[0].last + 1, parts[1].first - 1};
}

void append_range_fields(std::string& out, const StoredResponse& stored, ByteRange missing) {
    const bool to_the_end = missing.last + 1 == stored.complete_length();
    append_field(out, "Range",
                 "bytes=" + std::to_string(missing.first) + '-' + (to_the_end ? "" : std::to_string(missing.last)));
    append_field(out, "If-Range", field_in(stored.head, "ETag"));
}

StoredPtr combined(const StoredResponse& stored, const StoredResponse& later) {
    const bool same = equal(field_in(stored.head, "ETag"), field_in(later.head, "ETag"), Comparison::strong) &&
                      stored.complete_length() == later.complete_length() && stored.key == later.key;
    if (!same || later.complete_length() == 0) return {};
    auto result = std::make_shared<StoredResponse>(later);
    result->head = united_head(stored, later);
    result->body = united_body(stored, later);
    std::vector<ByteRange> parts = parts_of_either(stored, later);
    const bool complete = parts.front() == ByteRange{0, later.complete_length() - 1};
    result->partial =
        complete ? nullptr : std::make_shared<const Partial>(Partial{later.complete_length(), std::move(parts)});
    return result;
}

}  // namespace proxy::rules
