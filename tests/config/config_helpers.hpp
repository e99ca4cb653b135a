#pragma once

#include <doctest/doctest.h>

#include <map>
#include <string>
#include <vector>

#include "proxy/config/load_config.hpp"

namespace proxy {

using Variables = std::map<std::string, std::string>;
using Problems = std::vector<std::string>;

inline Environment environment_of(Variables variables) {
    return [variables = std::move(variables)](const char* name) -> const char* {
        const auto found = variables.find(name);
        return found == variables.end() ? nullptr : found->second.c_str();
    };
}

inline Config load(const std::string& yaml, Variables variables = {}, const std::vector<Flag>& flags = {}) {
    return load_config(ConfigText{.name = "test.yaml", .yaml = yaml}, environment_of(std::move(variables)), flags);
}

// What ConfigError says of it; nothing where it loads.
template <class Load>
Problems problems_of(Load load_it) {
    try {
        load_it();
    } catch (const ConfigError& error) {
        return error.problems();
    }
    return {};
}

}  // namespace proxy

template <>
struct doctest::StringMaker<std::vector<std::string>> {
    static String convert(const std::vector<std::string>& lines) {
        std::string text;
        for (const std::string& line : lines) text += "\n    " + line;
        return text.c_str();
    }
};
