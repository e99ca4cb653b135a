#include "proxy/config/command_line.hpp"

#include <algorithm>
#include <iomanip>
#include <optional>
#include <sstream>
#include <string_view>

#include "proxy/config/problems.hpp"
#include "proxy/config/settings.hpp"
#include "proxy/config/values.hpp"

namespace proxy {
namespace {

using Action = Invocation::Action;

struct ActionFlag {
    std::string_view name;
    Action action;
    std::string_view help;
};

constexpr ActionFlag action_flags[] = {
    {"--check", Action::check, "check the configuration and exit"},
    {"--print-config", Action::print_config, "print the effective configuration as YAML and exit"},
    {"--version", Action::version, "print the version and exit"},
    {"--help", Action::help, "print this and exit"},
};

struct Given {
    std::vector<Action> actions;
    std::optional<std::string> file;
    std::vector<Flag> flags;
};

std::vector<std::string> known_flags() {
    std::vector<std::string> names{"--config"};
    for (const config::Setting& setting : config::settings()) names.emplace_back(setting.flag);
    for (const ActionFlag& flag : action_flags) names.emplace_back(flag.name);
    return names;
}

// --config and the settings, whose values have a name.
std::optional<std::string> value_name(std::string_view flag) {
    if (flag == "--config") return "FILE";
    for (const config::Setting& setting : config::settings())
        if (setting.flag == flag) return setting.value;
    return std::nullopt;
}

void take_valued(const std::string& name, const std::optional<std::string>& value, Given& given,
                 config::Problems& problems) {
    if (!value) {
        problems.elsewhere(name, "has no value, expected " + name + ' ' + *value_name(name));
    } else if (name != "--config") {
        given.flags.push_back({name, *value});
    } else if (given.file) {
        problems.elsewhere(name, "is given twice, expected it once");
    } else {
        given.file = *value;
    }
}

void take_other(const std::string& name, bool has_value, Given& given, config::Problems& problems) {
    const auto action = std::ranges::find(action_flags, name, &ActionFlag::name);
    if (!name.starts_with('-')) {
        problems.elsewhere("", config::in_quotes(name) + " is no flag, expected one such as --config FILE");
    } else if (action == std::end(action_flags)) {
        const std::string suggestion = config::did_you_mean(name, known_flags());
        problems.elsewhere(name, "unknown flag" + (suggestion.empty() ? "; weir --help lists them" : suggestion));
    } else if (has_value) {
        problems.elsewhere(name, "takes no value, expected the flag alone");
    } else {
        given.actions.push_back(action->action);
    }
}

// Both --flag value and --flag=value.
Given sort_out(const std::vector<std::string>& arguments, config::Problems& problems) {
    Given given;
    for (std::size_t i = 0; i < arguments.size(); ++i) {
        const std::size_t equals = arguments[i].find('=');
        const std::string name = arguments[i].substr(0, equals);
        std::optional<std::string> value;
        if (equals != std::string::npos) value = arguments[i].substr(equals + 1);
        if (!value_name(name)) {
            take_other(name, value.has_value(), given, problems);
            continue;
        }
        if (!value && i + 1 < arguments.size() && !arguments[i + 1].starts_with("--")) value = arguments[++i];
        take_valued(name, value, given, problems);
    }
    return given;
}

}  // namespace

Invocation parse_command_line(const std::vector<std::string>& arguments, const Environment& environment) {
    config::Problems problems;
    const Given given = sort_out(arguments, problems);
    for (const Action action : {Action::help, Action::version})
        if (std::ranges::find(given.actions, action) != given.actions.end()) return {.action = action, .config = {}};
    problems.throw_if_any();

    std::optional<ConfigText> text;
    if (given.file) text = read_config_text(*given.file);
    return {.action = given.actions.empty() ? Action::run : given.actions.back(),
            .config = load_config(text, environment, given.flags)};
}

std::string help_text() {
    std::ostringstream out;
    const auto line = [&out](std::string_view flag, std::string_view help) {
        out << "  " << std::left << std::setw(24) << flag << help << '\n';
    };
    out << "Weir: a reverse caching proxy whose nodes share one cache in Redis.\n\n"
           "Usage: weir --config FILE [flags]\n"
           "       weir --upstream http://127.0.0.1:9000 [flags]\n"
           "       weir purge --help\n\n"
           "Flags, as --flag value or --flag=value:\n";
    line("--config FILE", "read this YAML file; config/weir.yaml documents every key");
    for (const config::Setting& setting : config::settings())
        line(std::string(setting.flag) + ' ' + setting.value, setting.help);
    for (const ActionFlag& flag : action_flags) line(flag.name, flag.help);
    out << "\nEnvironment (flags win over it, and it wins over the file):\n";
    for (const config::Setting& setting : config::settings())
        line(setting.variable, std::string("as ") + setting.flag + (setting.repeatable ? ", separated by commas" : ""));
    line("REDIS_HOST, REDIS_PORT", "where Redis is; either switches it on");
    line("REDIS_DB", "its database; switches it on");
    line("REDIS_TTL", "as --ttl; a bare number means seconds");
    return out.str();
}

}  // namespace proxy
