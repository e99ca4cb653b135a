#include "proxy/rules/range.hpp"

#include <algorithm>
#include <limits>

#include "proxy/rules/entity_tag.hpp"
#include "proxy/rules/http_date.hpp"
#include "proxy/rules/partial.hpp"
#include "proxy/rules/stored_head.hpp"

namespace proxy::rules {
namespace {

constexpr std::size_t max_ranges = 32;
constexpr std::uint64_t huge = std::numeric_limits<std::uint64_t>::max();

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
        return equal(validator, field_in(stored.head(), "ETag"), Comparison::strong);
    const std::string_view last_modified = field_in(stored.head(), "Last-Modified");
    const auto time = parse_http_date(last_modified, stored.arrival().response_time);
    return time && validator == last_modified && *time < stored.arrival().date;  // else it is weak. RFC 9110 §8.8.2.2
}

// The members of Range; empty where there is none or it is to be ignored. RFC 9110 §14.2
std::vector<Spec> parse_specs(const RequestHeader& request) {
    const Field* range = find(request.fields, http::field::range);
    if (!range || request.method != http::verb::get) return {};
    constexpr std::string_view unit = "bytes=";
    const bool repeated = std::ranges::count(request.fields, http::field::range, &Field::id) > 1;
    if (repeated || !iequals(range->value.substr(0, unit.size()), unit)) return {};
    std::vector<Spec> specs;
    std::string_view list = range->value.substr(unit.size());
    for (auto member = next_list_member(list); !member.empty(); member = next_list_member(list)) {
        const auto spec = parse_spec(member);
        if (!spec || specs.size() == max_ranges) return {};
        specs.push_back(*spec);
    }
    return specs;
}

}  // namespace

RangeAnswer decide_range(const RequestHeader& request, const StoredResponse& stored) {
    const std::vector<Spec> specs = parse_specs(request);
    const std::uint64_t size = stored.complete_length();
    if (specs.empty() || stored.status() != 200 || size == 0 || !if_range_holds(request, stored)) return WholeContent{};
    std::vector<ByteRange> ranges;
    for (const Spec& spec : specs)
        if (const auto satisfied = satisfy(spec, size)) ranges.push_back(*satisfied);
    if (ranges.empty()) return Unsatisfiable{};
    // In the order asked for, unless some overlap or touch. RFC 9110 §14.2
    std::vector<ByteRange> apart = united(ranges);
    return apart.size() == ranges.size() ? std::move(ranges) : std::move(apart);
}

bool asks_for_ranges(const RequestHeader& request) { return !parse_specs(request).empty(); }

bool has_content_for(const RequestHeader& request, const StoredResponse& stored) {
    if (!stored.partial()) return true;
    const RangeAnswer answer = decide_range(request, stored);
    if (const auto* ranges = std::get_if<std::vector<ByteRange>>(&answer))
        return std::ranges::all_of(*ranges, [&](const ByteRange& range) { return holds(stored, range); });
    return std::holds_alternative<Unsatisfiable>(answer);
}

}  // namespace proxy::rules
