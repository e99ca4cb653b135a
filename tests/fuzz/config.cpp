// Input: a configuration file.

#include "proxy/config/load_config.hpp"
#include "proxy/config/print_config.hpp"
#include "tests/fuzz/fuzz.hpp"

using namespace proxy;
using namespace tests;

namespace {

const char* variable(const char* name) { return std::string_view(name) == "FUZZ" ? "127.0.0.1" : nullptr; }

std::optional<std::string> printed(std::string_view yaml) {
    try {
        return print_config(load_config(ConfigText{.name = "weir.yaml", .yaml = std::string(yaml)}, variable));
    } catch (const ConfigError& error) {
        require(!error.problems().empty(), "a refusal says why");
        for (const std::string& problem : error.problems()) require(!problem.empty(), "in words");
        return std::nullopt;
    }
}

}  // namespace

void fuzz_one(std::string_view bytes) {
    const std::optional<std::string> first = printed(bytes);
    if (first) require(printed(*first) == first, "what is printed loads to the same");
}
