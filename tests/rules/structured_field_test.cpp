#include "proxy/rules/structured_field.hpp"

#include <doctest/doctest.h>

using namespace proxy::rules;

namespace {

// "key=value" for each member; `~` for a value that is not kept.
std::optional<std::string> shown(std::string_view text) {
    const auto members = parse_dictionary(text);
    if (!members) return {};
    std::string out;
    for (const DictionaryMember& member : *members) {
        if (!out.empty()) out += ' ';
        out.append(member.key).append("=");
        if (const bool* boolean = std::get_if<bool>(&member.value)) out += *boolean ? "true" : "false";
        if (const std::int64_t* integer = std::get_if<std::int64_t>(&member.value)) out += std::to_string(*integer);
        if (const std::string* string = std::get_if<std::string>(&member.value)) out += '"' + *string + '"';
        if (std::holds_alternative<OtherItem>(member.value)) out += '~';
    }
    return out;
}

}  // namespace

TEST_CASE("parse_dictionary: RFC 9651 §4.2.2") {
    struct Row {
        std::string_view name;
        std::string_view text;
        std::optional<std::string> expected;
    };
    const Row rows[] = {
        {"nothing", "", ""},
        {"only spaces", "   ", ""},
        {"a key alone is true", "a", "a=true"},
        {"several", "a=1, b=2,c", "a=1 b=2 c=true"},
        {"optional white space about the comma", "a=1 \t,\t b", "a=1 b=true"},
        {"spaces around", "  a=1  ", "a=1"},
        {"all in order, duplicates too", "a=1, b, a=2", "a=1 b=true a=2"},
        {"every character of a key", "*a_-.*9=1", "*a_-.*9=1"},
        {"booleans", "a=?1, b=?0", "a=true b=false"},
        {"integers", "a=-5, b=007, c=999999999999999", "a=-5 b=7 c=999999999999999"},
        {"decimals", "a=1.5, b=-0.125, c=123456789012.1", "a=~ b=~ c=~"},
        {"strings", R"(a="", b="x, y", c="\"\\")", R"(a="" b="x, y" c=""\")"},
        {"tokens", "a=foo/bar:x*, b=*", R"(a="foo/bar:x*" b="*")"},
        {"byte sequences", "a=:aGk=:, b=::", "a=~ b=~"},
        {"dates", "a=@1659578233, b=@-1", "a=~ b=~"},
        {"display strings", R"(a=%"f%c3%bc", b=%"")", "a=~ b=~"},
        {"inner lists", R"(a=(), b=( 1  "x" tok;p=1 ), c=(1 2);q)", "a=~ b=~ c=~"},
        {"parameters are dropped", R"(a;x;y=1;  z="s", b=5;*p=?0)", "a=true b=5"},
        {"an upper-case key", "A=1", {}},
        {"a key that starts with a digit", "1a=1", {}},
        {"a trailing comma", "a=1,", {}},
        {"a trailing comma and space", "a=1, ", {}},
        {"a leading comma", ",a=1", {}},
        {"two commas", "a,,b", {}},
        {"no comma", "a b", {}},
        {"space before =", "a =1", {}},
        {"space after =", "a= 1", {}},
        {"nothing after =", "a=", {}},
        {"nothing after =, and more", "a=,b", {}},
        {"a leading tab", "\ta", {}},
        {"16 digits", "a=1234567890123456", {}},
        {"only a minus", "a=-", {}},
        {"no fraction", "a=1.", {}},
        {"four digits of fraction", "a=1.2345", {}},
        {"13 digits before the point", "a=1234567890123.1", {}},
        {"no digits before the point", "a=.5", {}},
        {"a string not closed", R"(a="x)", {}},
        {"an empty string not closed", R"(a=")", {}},
        {"a backslash at the end", R"(a="\)", {}},
        {"an unknown escape", R"(a="\n")", {}},
        {"a control character in a string", "a=\"\x01\"", {}},
        {"not ASCII", "a=\"\xc3\xa4\"", {}},
        {"single quotes", "a='x'", {}},
        {"another boolean", "a=?2", {}},
        {"no boolean", "a=?", {}},
        {"bytes not closed", "a=:aGk=", {}},
        {"bytes of another alphabet", "a=:a_k=:", {}},
        {"a date with fraction", "a=@1.5", {}},
        {"a display string with capitals", R"(a=%"%C3")", {}},
        {"a display string cut", R"(a=%"%c)", {}},
        {"a display string not closed", R"(a=%"x)", {}},
        {"an inner list not closed", "a=(1 2", {}},
        {"commas in an inner list", "a=(1,2)", {}},
        {"nested lists", "a=((1))", {}},
        {"something behind an inner list", "a=(1)2", {}},
        {"a parameter without name", "a;=1", {}},
        {"a parameter without value", "a;x=", {}},
        {"space before a parameter's name is allowed, before ; not", "a ;x", {}},
    };
    for (const Row& row : rows) {
        CAPTURE(row.name);
        CHECK((shown(row.text) == row.expected));
    }
}
