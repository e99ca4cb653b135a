// Input: two dictionaries, a line each.

#include "proxy/rules/structured_field.hpp"

#include <algorithm>

#include "tests/fuzz/fuzz.hpp"

using namespace proxy::rules;
using namespace tests;

namespace {

using Members = std::optional<std::vector<DictionaryMember>>;

bool same(const DictionaryMember& a, const DictionaryMember& b) {
    if (a.key != b.key || a.value.index() != b.value.index()) return false;
    if (const auto* boolean = std::get_if<bool>(&a.value)) return *boolean == std::get<bool>(b.value);
    if (const auto* integer = std::get_if<std::int64_t>(&a.value)) return *integer == std::get<std::int64_t>(b.value);
    if (const auto* string = std::get_if<std::string>(&a.value)) return *string == std::get<std::string>(b.value);
    return true;
}

bool same(const std::vector<DictionaryMember>& a, const Members& b) {
    return b && std::equal(a.begin(), a.end(), b->begin(), b->end(), [](auto& x, auto& y) { return same(x, y); });
}

// RFC 9651 §4.1.2
std::string serialised(const std::vector<DictionaryMember>& members) {
    std::string out;
    for (const DictionaryMember& member : members) {
        out.append(out.empty() ? "" : ", ").append(member.key).append("=");
        if (const auto* boolean = std::get_if<bool>(&member.value)) {
            out += *boolean ? "?1" : "?0";
        } else if (const auto* integer = std::get_if<std::int64_t>(&member.value)) {
            constexpr std::int64_t limit = 999'999'999'999'999;
            require(*integer >= -limit && *integer <= limit, "integers have at most 15 digits");
            out += std::to_string(*integer);
        } else if (const auto* string = std::get_if<std::string>(&member.value)) {
            out += '"';
            for (const char c : *string) {
                require(c >= 0x20 && c < 0x7f, "strings are visible ASCII and spaces");
                out.append(c == '"' || c == '\\' ? "\\" : "").append(1, c);
            }
            out += '"';
        } else {
            out += "()";
        }
    }
    return out;
}

}  // namespace

void fuzz_one(std::string_view bytes) {
    const std::string_view first = take_line(bytes);
    const Members members = parse_dictionary(first);
    if (!members) return;
    for (const DictionaryMember& member : *members)
        require(first.find(member.key) != first.npos && is_token(member.key), "keys are tokens of the text");
    require(same(*members, parse_dictionary(serialised(*members))), "what was parsed serialises and parses to itself");
    require(same(*members, parse_dictionary(" " + std::string(first) + "  ")), "spaces around it say nothing");
    require(members->empty() || !parse_dictionary(std::string(first) + ","), "no trailing comma");
    require(!parse_dictionary(std::string(first) + "\x80"), "ASCII only");

    const Members others = parse_dictionary(bytes);
    if (!others || members->empty() || others->empty()) return;
    std::vector<DictionaryMember> all = *members;
    all.insert(all.end(), others->begin(), others->end());
    require(same(all, parse_dictionary(std::string(first) + " ,\t" + std::string(bytes))), "two lines are one list");
}
