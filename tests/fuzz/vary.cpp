// Input: response fields, an empty line, request fields, an empty line, the fields of another request.

#include <algorithm>
#include <map>

#include "proxy/rules/cache_key.hpp"
#include "tests/fuzz/fuzz.hpp"

using namespace proxy::rules;
using namespace tests;

namespace {

constexpr std::string_view primary = "http://example.com/";

std::string key_of(std::string_view selecting, Fields fields) {
    RequestHeader request;
    request.fields = fields;
    return variant_key(primary, selecting, request);
}

std::string selecting_of(Fields fields) {
    ResponseHeader response;
    response.fields = fields;
    return selecting_fields(response);
}

bool is_preference(std::string_view name) { return name == "accept-encoding" || name == "accept-language"; }

// The values that the origin reads; nothing where it sees no such field.
std::optional<std::string> value_seen(std::string_view name, std::vector<Field> fields) {
    const HopByHopFields hop_by_hop(fields);
    std::vector<Field> seen;
    std::copy_if(fields.begin(), fields.end(), std::back_inserter(seen),
                 [&](const Field& field) { return iequals(field.name, name) && !hop_by_hop.contain(field); });
    return seen.empty() ? std::nullopt : std::optional{combined(seen, name)};
}

// Without white space about commas, which says nothing where they separate.
std::optional<std::string> without_spaces(std::optional<std::string> value) {
    if (!value) return value;
    std::string text;
    for (std::string_view rest = *value;;) {
        const std::string_view member = rest.substr(0, rest.find(','));
        text.append(trim(member));
        if (member.size() == rest.size()) return text;
        text += ',';
        rest.remove_prefix(member.size() + 1);
    }
}

// The same preferences, written in another way.
std::string respelt(const Field& field) {
    const bool quoted = field.value.find('"') != field.value.npos;
    std::string text;
    for (const char c : upper(field.value)) {
        const bool separates = !quoted && (c == ',' || c == ';');
        text.append(separates ? " \t" : "").append(1, c).append(separates ? " " : "");
    }
    return text;
}

void require_respelling_is_same(std::string_view selecting, std::vector<Field> fields, const std::string& key) {
    std::vector<std::string> texts(fields.size());
    for (std::size_t i = 0; i < fields.size(); ++i) {
        std::string name;
        append_lower(name, fields[i].name);
        if (!is_preference(name)) continue;
        texts[i] = respelt(fields[i]);
        fields[i].value = trim(texts[i]);
    }
    require(key_of(selecting, fields) == key, "letter case and white space of preferences say nothing");
    std::map<std::string_view, std::vector<Field>, NameLess> by_name;
    for (const Field& field : fields) by_name[field.name].push_back(field);
    fields.clear();
    for (const auto& [name, lines] : by_name) fields.insert(fields.end(), lines.begin(), lines.end());
    require(key_of(selecting, fields) == key, "the order of fields of other names says nothing");
}

}  // namespace

void fuzz_one(std::string_view bytes) {
    std::vector<Field> response = take_fields(bytes);
    const std::vector<Field> fields = take_fields(bytes);
    const std::vector<Field> others = take_fields(bytes);

    const std::string selecting = selecting_of(response);
    std::reverse(response.begin(), response.end());
    require(selecting_of(response) == selecting, "the order of Vary says nothing");
    const Field once_more{http::field::vary, "Vary", selecting};
    require(selecting_of({&once_more, 1}) == selecting, "selecting fields select themselves");

    const std::string key = key_of(selecting, fields);
    require(selecting != "*" || key.empty(), "* selects nothing");
    if (key.empty()) return;
    require(key.starts_with(primary) && key.size() <= primary.size() + max_selecting_values, "bounded");
    require(std::all_of(key.begin(), key.end(), [](char c) { return c >= 0x20 && c < 0x7f; }), "readable");
    require_respelling_is_same(selecting, fields, key);

    bool all_same = true, all_alike = true;
    for (std::string_view rest = selecting; !rest.empty();) {
        const std::string_view name = next_list_member(rest);
        if (is_preference(name)) return;
        const std::optional<std::string> value = value_seen(name, fields), other = value_seen(name, others);
        all_same = all_same && value == other;
        all_alike = all_alike && without_spaces(value) == without_spaces(other);
    }
    const std::string other_key = key_of(selecting, others);
    if (other_key.empty()) return;
    require(!all_same || other_key == key, "one set of values, one key");
    require(all_alike || other_key != key, "one key, one set of values");
}
