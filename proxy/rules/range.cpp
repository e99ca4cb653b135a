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

// In the order asked for, unless some overlap or touch: those become one. RFC 9110 §14.2
std::vector<ByteRange> combined(const std::vector<ByteRange>& ranges) {
    std::vector<ByteRange> sorted = ranges;
    std::sort(sorted.begin(), sorted.end(), [](const ByteRange& a, const ByteRange& b) { return a.first < b.first; });
    std::vector<ByteRange> result;
    for (const ByteRange& range : sorted) {
        if (!result.empty() && range.first <= result.back().last + 1)
            result.back().last = std::max(result.back().last, range.last);
        else
            result.push_back(range);
    }
    return result.size() == ranges.size() ? ranges : result;
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

    const std::uint64_t size = stored.body->size;
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
    return combined(ranges);
}

}  // namespace proxy::rules
