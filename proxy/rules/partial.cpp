#include "proxy/rules/partial.hpp"

#include <algorithm>
#include <charconv>
#include <limits>

#include "proxy/rules/entity_tag.hpp"
#include "proxy/rules/stored_head.hpp"

namespace proxy::rules {
namespace {

constexpr std::uint64_t huge = std::numeric_limits<std::uint64_t>::max();

// Of content that is not empty.
std::vector<ByteRange> parts_of(const StoredResponse& stored) {
    return stored.partial() ? stored.partial()->parts : std::vector<ByteRange>{{0, stored.content_size() - 1}};
}

void append_content(GrowingBody& body, const StoredResponse& stored, ByteRange range) {
    for_each_piece(stored, offset_in_body(stored, range), range.size(),
                   [&body](std::string_view piece) { body.append(piece); });
}

// The bytes of `later`, and of `stored` those that `later` has not; `parts`: of both.
BodyPtr united_body(const StoredResponse& stored, const StoredResponse& later, const std::vector<ByteRange>& parts) {
    std::uint64_t size = 0;
    for (const ByteRange& part : parts) size += part.size();
    GrowingBody body(size);
    const std::vector<ByteRange> newer = parts_of(later);
    for (const ByteRange& part : parts) {
        for (std::uint64_t at = part.first; at <= part.last;) {
            const auto next = std::ranges::find_if(newer, [&](const ByteRange& range) { return range.last >= at; });
            const bool in_later = next != newer.end() && next->first <= at;
            std::uint64_t until = part.last;
            if (next != newer.end()) until = std::min(until, in_later ? next->last : next->first - 1);
            append_content(body, in_later ? later : stored, {at, until});
            at = until + 1;
        }
    }
    return std::move(body).finish();
}

}  // namespace

std::vector<ByteRange> united(std::vector<ByteRange> ranges) {
    std::ranges::sort(ranges, {}, &ByteRange::first);
    std::vector<ByteRange> result;
    for (const ByteRange& range : ranges) {
        if (!result.empty() && range.first <= result.back().last + 1)
            result.back().last = std::max(result.back().last, range.last);
        else
            result.push_back(range);
    }
    return result;
}

std::optional<std::uint64_t> parse_offset(std::string_view digits) noexcept {
    if (digits.empty() || digits.find_first_not_of("0123456789") != digits.npos) return {};
    std::uint64_t value = huge;
    std::from_chars(digits.data(), digits.data() + digits.size(), value);
    return value;
}

bool holds(const StoredResponse& stored, ByteRange range) noexcept {
    if (!stored.partial()) return range.last < stored.content_size();
    return std::ranges::any_of(stored.partial()->parts, [&](const ByteRange& part) {
        return part.first <= range.first && range.last <= part.last;
    });
}

std::uint64_t offset_in_body(const StoredResponse& stored, ByteRange range) noexcept {
    if (!stored.partial()) return range.first;
    std::uint64_t offset = 0;
    for (const ByteRange& part : stored.partial()->parts) {
        if (range.first <= part.last) return offset + range.first - part.first;
        offset += part.size();
    }
    return offset;
}

std::optional<ContentRange> content_range_of(const ResponseHeader& response) {
    const Field* field = find(response.fields, http::field::content_range);
    constexpr std::string_view unit = "bytes ", multipart = "multipart/byteranges";
    if (response.status != 206 || !field || !iequals(field->value.substr(0, unit.size()), unit)) return {};
    const std::string_view type = value_of(response.fields, http::field::content_type);
    if (iequals(type.substr(0, multipart.size()), multipart)) return {};
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
    const std::string_view etag = field_in(stored.head(), "ETag");
    if (!stored.partial() || !etag.starts_with('"')) return {};
    const auto& [length, parts] = *stored.partial();
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
    append_field(out, "If-Range", field_in(stored.head(), "ETag"));
}

StoredPtr merged(const StoredResponse& stored, const StoredResponse& later, std::string_view head) {
    const bool same = equal(field_in(stored.head(), "ETag"), field_in(later.head(), "ETag"), Comparison::strong) &&
                      stored.complete_length() == later.complete_length() && stored.key() == later.key();
    if (!same || stored.content_size() == 0 || later.content_size() == 0) return {};
    std::vector<ByteRange> both = parts_of(stored);
    const std::vector<ByteRange> newer = parts_of(later);
    both.insert(both.end(), newer.begin(), newer.end());
    std::vector<ByteRange> parts = united(std::move(both));
    if (parts.size() > max_parts) return {};

    StoredDraft result = later.draft();
    result.head = head;
    if (result.surrogate_keys.empty()) result.surrogate_keys = stored.surrogate_keys();
    result.body = united_body(stored, later, parts);
    const bool complete = parts.front() == ByteRange{0, later.complete_length() - 1};
    result.partial =
        complete ? nullptr : std::make_shared<const Partial>(Partial{later.complete_length(), std::move(parts)});
    return StoredResponse::make(result);
}

}  // namespace proxy::rules
