// Input: an entity tag, then the values of If-None-Match, a line each.

#include "proxy/rules/entity_tag.hpp"

#include <algorithm>

#include "tests/fuzz/fuzz.hpp"

using namespace proxy::rules;
using namespace tests;

namespace {

bool lists(Fields fields, std::string_view tag, Comparison comparison) {
    return lists_entity_tag(fields, http::field::if_none_match, tag, comparison);
}

// RFC 9110 §8.8.3
bool is_well_formed(std::string_view tag) {
    if (tag.starts_with("W/")) tag.remove_prefix(2);
    return tag.size() >= 2 && tag.starts_with('"') && tag.find('"', 1) == tag.size() - 1;
}

bool closes_tags(const Field& field) { return std::count(field.value.begin(), field.value.end(), '"') % 2 == 0; }

}  // namespace

void fuzz_one(std::string_view bytes) {
    const std::string_view tag = trim(take_line(bytes));
    const std::vector<Field> fields = fields_named("If-None-Match", bytes);

    for (const Field& field : fields) {
        for (const Comparison comparison : {Comparison::strong, Comparison::weak}) {
            require(equal(tag, field.value, comparison) == equal(field.value, tag, comparison), "symmetric");
            require(!equal(tag, {}, comparison), "nothing equals none");
        }
        require(!equal(tag, field.value, Comparison::strong) || equal(tag, field.value, Comparison::weak),
                "strong is weak");
    }
    const bool weakly = lists(fields, tag, Comparison::weak);
    require(weakly || !lists(fields, tag, Comparison::strong), "listed strongly is listed weakly");

    const bool by_line = std::any_of(fields.begin(), fields.end(),
                                     [&](const Field& field) { return lists({&field, 1}, tag, Comparison::weak); });
    require(by_line == weakly, "listed where any line lists it");
    if (!std::all_of(fields.begin(), fields.end(), closes_tags)) return;

    std::string joined = combined(fields, "If-None-Match");
    const Field one{http::field::if_none_match, "If-None-Match", joined};
    require(lists({&one, 1}, tag, Comparison::weak) == weakly, "all lines are one list");
    if (!is_well_formed(tag)) return;
    joined.append(",").append(tag);
    const Field with_tag{http::field::if_none_match, "If-None-Match", joined};
    require(lists({&with_tag, 1}, tag, Comparison::weak), "a tag is found at the end of a list");
    require(lists({&with_tag, 1}, tag, Comparison::strong) != (tag.starts_with("W/")) ||
                lists(fields, tag, Comparison::strong),
            "a weak tag matches nothing strongly");
}
