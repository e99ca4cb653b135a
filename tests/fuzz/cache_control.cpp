// Input: the values of Cache-Control, a field line each.

#include "proxy/rules/cache_control.hpp"

#include <algorithm>

#include "proxy/rules/structured_field.hpp"
#include "tests/fuzz/fuzz.hpp"

using namespace proxy::rules;
using namespace tests;

namespace {

constexpr std::string_view targeted_name = "CDN-Cache-Control";

void require_possible(const CacheControl& control) {
    for (const DeltaSeconds& delta : {control.max_age, control.s_maxage, control.stale_while_revalidate,
                                      control.stale_if_error, control.min_fresh, control.max_stale}) {
        require(delta.value >= seconds{0} && delta.value <= max_delta_seconds, "no delta beyond max_delta_seconds");
        require(delta.state == DeltaSeconds::State::valid || delta.value == seconds{0}, "no value unless valid");
    }
}

CacheControl in_order(CacheControl control) {
    std::sort(control.no_cache_fields.begin(), control.no_cache_fields.end());
    std::sort(control.private_fields.begin(), control.private_fields.end());
    return control;
}

}  // namespace

void fuzz_one(std::string_view bytes) {
    const std::vector<Field> lines = fields_named("Cache-Control", bytes);
    const CacheControl control = parse_cache_control(lines);
    require_possible(control);

    std::vector<Field> members;
    for (const Field& line : lines) {
        std::string_view list = line.value;
        for (auto member = next_list_member(list); !member.empty(); member = next_list_member(list))
            members.push_back({line.id, line.name, member});
    }
    require(control.present == !members.empty(), "present with any directive");
    require(parse_cache_control(members) == control, "a line for each directive is the same list");

    if (std::all_of(lines.begin(), lines.end(), [](const Field& line) { return closes_quotes(line.value); })) {
        const std::string joined = combined(lines, "Cache-Control");
        const Field one{http::field::cache_control, "Cache-Control", joined};
        require(parse_cache_control({&one, 1}) == control, "all lines are one list");
    } else {
        require(control.no_store, "an open quotation counts as no-store");
    }

    std::reverse(members.begin(), members.end());
    require(in_order(parse_cache_control(members)) == in_order(control), "order says nothing");
    const std::string shouted = upper(bytes);
    require(parse_cache_control(fields_named("CACHE-CONTROL", shouted)) == control, "blind to letter case");

    const std::vector<Field> targeted_lines = fields_named(targeted_name, bytes);
    const auto targeted = parse_targeted_field(targeted_lines, targeted_name);
    const auto dictionary = parse_dictionary(combined(targeted_lines, targeted_name));
    require(targeted.has_value() == (dictionary && !dictionary->empty()), "a targeted field is a dictionary");
    if (targeted) require_possible(*targeted);
    require(response_directives(targeted_lines, {}).targeted == targeted.has_value(), "a usable one governs");
}
