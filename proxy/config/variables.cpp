#include "proxy/config/variables.hpp"

#include <algorithm>
#include <cctype>

#include "proxy/config/values.hpp"

namespace proxy::config {
namespace {

bool is_name(std::string_view text) {
    return !text.empty() && !std::isdigit(static_cast<unsigned char>(text.front())) &&
           std::ranges::all_of(text, [](unsigned char c) { return std::isalnum(c) || c == '_'; });
}

// `reference` is what stands between the braces.
std::string value_of(std::string_view reference, const Environment& environment) {
    const std::size_t separator = reference.find(":-");
    const std::string name(reference.substr(0, separator));
    if (!is_name(name))
        throw BadValue("\"${" + std::string(reference) + "}\" names no variable, expected ${NAME} or ${NAME:-default}");
    const char* value = environment(name.c_str());
    if (separator == std::string_view::npos) {
        if (!value)
            throw BadValue("the variable " + name + " is not set, expected a value for it or ${" + name + ":-default}");
        return value;
    }
    const std::string_view fallback = reference.substr(separator + 2);
    if (fallback.find("${") != std::string_view::npos)
        throw BadValue("the default of " + name + " names another variable, expected plain text");
    return value && *value ? value : std::string(fallback);
}

}  // namespace

std::string expand_variables(std::string_view text, const Environment& environment) {
    std::string expanded;
    for (;;) {
        const std::size_t start = text.find("${");
        if (start == std::string_view::npos) return expanded.append(text);
        const bool literal = start > 0 && text[start - 1] == '$';
        expanded.append(text.substr(0, start));
        text.remove_prefix(start + 2);
        if (literal) {
            expanded += '{';
            continue;
        }
        const std::size_t end = text.find('}');
        if (end == std::string_view::npos)
            throw BadValue("a variable begins but does not end, expected ${NAME}, or $${ for a literal ${");
        expanded += value_of(text.substr(0, end), environment);
        text.remove_prefix(end + 1);
    }
}

std::string escape_variables(std::string_view text) {
    std::string escaped;
    for (;;) {
        const std::size_t start = text.find("${");
        if (start == std::string_view::npos) return escaped.append(text);
        escaped.append(text.substr(0, start)).append("$${");
        text.remove_prefix(start + 2);
    }
}

}  // namespace proxy::config
