#include "proxy/rules/cache_control.hpp"

#include <algorithm>
#include <charconv>

#include "proxy/rules/structured_field.hpp"

namespace proxy::rules {
namespace {

struct Flag {
    std::string_view name;
    bool CacheControl::* member;
};
constexpr Flag flags[] = {
    {"no-store", &CacheControl::no_store},
    {"public", &CacheControl::is_public},
    {"must-revalidate", &CacheControl::must_revalidate},
    {"proxy-revalidate", &CacheControl::proxy_revalidate},
    {"must-understand", &CacheControl::must_understand},
    {"only-if-cached", &CacheControl::only_if_cached},
    {"immutable", &CacheControl::immutable},
};

struct Duration {
    std::string_view name;
    DeltaSeconds CacheControl::* member;
};
constexpr Duration durations[] = {
    {"max-age", &CacheControl::max_age},
    {"s-maxage", &CacheControl::s_maxage},
    {"stale-while-revalidate", &CacheControl::stale_while_revalidate},
    {"stale-if-error", &CacheControl::stale_if_error},
    {"min-fresh", &CacheControl::min_fresh},
    {"max-stale", &CacheControl::max_stale},
};

// A directive that holds for the response, or only for the fields it names.
struct Qualifiable {
    std::string_view name;
    bool CacheControl::* whole;
    std::vector<std::string> CacheControl::* fields;
};
constexpr Qualifiable qualifiables[] = {
    {"no-cache", &CacheControl::no_cache, &CacheControl::no_cache_fields},
    {"private", &CacheControl::is_private, &CacheControl::private_fields},
};

template <class Row, std::size_t N>
const Row* find_row(const Row (&rows)[N], std::string_view name) noexcept {
    const auto row =
        std::find_if(std::begin(rows), std::end(rows), [name](const Row& r) { return iequals(r.name, name); });
    return row == std::end(rows) ? nullptr : &*row;
}

// A duplicate counts where it is smaller; an invalid value is as small as can be.
void merge(DeltaSeconds& known, std::string_view argument) {
    using enum DeltaSeconds::State;
    const std::optional<seconds> value = parse_delta_seconds(argument);
    if (!value)
        known = {invalid, seconds{0}};
    else if (known.state == absent || (known.state == valid && *value < known.value))
        known = {valid, *value};
}

// Where the names are not all names, the directive holds for the whole response.
void add_field_names(CacheControl& control, const Qualifiable& directive, std::string_view names) {
    bool any = false;
    for (auto name = next_list_member(names); !name.empty(); name = next_list_member(names)) {
        any = true;
        if (!is_token(name)) control.*directive.whole = true;
        append_lower((control.*directive.fields).emplace_back(), name);
    }
    if (!any) control.*directive.whole = true;
}

// The content of a whole quoted string.
std::optional<std::string_view> unquoted(std::string_view text) noexcept {
    if (text.size() < 2 || text.front() != '"') return {};
    std::size_t end = 1;
    while (end < text.size() && text[end] != '"') end += text[end] == '\\' ? 2 : 1;
    if (end != text.size() - 1) return {};
    return text.substr(1, end - 1);
}

void apply(CacheControl& control, std::string_view member) {
    control.present = true;
    const std::size_t equals = member.find('=');
    const bool has_argument = equals != std::string_view::npos;
    const std::string_view name = trim(member.substr(0, equals));
    const std::string_view raw_argument = has_argument ? trim(member.substr(equals + 1)) : std::string_view{};
    const bool spaced = has_argument && name.size() + 1 + raw_argument.size() < member.size();
    const std::optional<std::string_view> content = unquoted(raw_argument);
    const std::size_t quote = member.find('"');
    if (quote != std::string_view::npos && (!content || quote < equals)) {
        control.no_store = true;
        return;
    }
    const std::string_view argument = content.value_or(raw_argument);

    if (const Flag* flag = find_row(flags, name)) {
        control.*flag->member = true;
    } else if (const Duration* duration = find_row(durations, name)) {
        if (!has_argument && duration->member == &CacheControl::max_stale)
            control.max_stale_any = true;
        else if (!spaced)
            merge(control.*duration->member, argument);
    } else if (const Qualifiable* directive = find_row(qualifiables, name)) {
        if (has_argument)
            add_field_names(control, *directive, argument);
        else
            control.*directive->whole = true;
    }
}

// Keys are lower case by their grammar, and the last of equal ones counts. RFC 9651 §4.2.2
void apply(CacheControl& control, const DictionaryMember& member) {
    control.present = true;
    const bool* boolean = std::get_if<bool>(&member.value);
    const bool is_false = boolean && !*boolean;
    if (const Flag* flag = find_row(flags, member.key)) {
        control.*flag->member = !is_false;
    } else if (const Duration* duration = find_row(durations, member.key)) {
        using enum DeltaSeconds::State;
        const std::int64_t* integer = std::get_if<std::int64_t>(&member.value);
        DeltaSeconds& value = control.*duration->member;
        value = {invalid, seconds{0}};
        if (integer && *integer >= 0) value = {valid, std::min(seconds{*integer}, max_delta_seconds)};
    } else if (const Qualifiable* directive = find_row(qualifiables, member.key)) {
        const std::string* names = std::get_if<std::string>(&member.value);
        control.*directive->whole = !names && !is_false;
        (control.*directive->fields).clear();
        if (names) add_field_names(control, *directive, *names);
    }
}

}  // namespace

std::optional<seconds> parse_delta_seconds(std::string_view text) noexcept {
    if (text.empty() || text.find_first_not_of("0123456789") != std::string_view::npos) return {};
    std::int64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{}) return max_delta_seconds;
    return std::min(seconds{value}, max_delta_seconds);
}

CacheControl parse_cache_control(Fields fields) {
    CacheControl control;
    for (const Field& field : fields) {
        if (field.id != http::field::cache_control) continue;
        std::string_view list = field.value;
        for (auto member = next_list_member(list); !member.empty(); member = next_list_member(list))
            apply(control, member);
    }
    return control;
}

std::optional<CacheControl> parse_targeted_field(Fields fields, std::string_view name) {
    if (!find(fields, name)) return {};
    const std::string text = combined(fields, name);
    const auto members = parse_dictionary(text);
    if (!members || members->empty()) return {};
    CacheControl control;
    for (const DictionaryMember& member : *members) apply(control, member);
    return control;
}

ResponseDirectives response_directives(Fields fields, const Policy& policy) {
    for (const std::string& name : policy.targeted_fields)
        if (auto control = parse_targeted_field(fields, name)) return {std::move(*control), true};
    return {parse_cache_control(fields), false};
}

}  // namespace proxy::rules
