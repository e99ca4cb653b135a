#include "proxy/config/load_config.hpp"

#include <cerrno>
#include <fstream>
#include <iterator>
#include <system_error>

#include "proxy/config/read_config.hpp"
#include "proxy/config/settings.hpp"

namespace proxy {
namespace {

std::string a_line_each(const std::vector<std::string>& problems) {
    std::string text;
    for (const std::string& problem : problems) text += (text.empty() ? "" : "\n") + problem;
    return text;
}

}  // namespace

ConfigError::ConfigError(std::vector<std::string> all_problems)
    : std::runtime_error(a_line_each(all_problems)), problems_(std::move(all_problems)) {}

ConfigText read_config_text(const std::filesystem::path& file) {
    const auto unreadable = [&file](const std::string& why) {
        return ConfigError({file.string() + ": cannot be read: " + why});
    };
    std::error_code ignored;
    if (std::filesystem::is_directory(file, ignored)) throw unreadable("it is a directory");
    errno = 0;
    std::ifstream in(file, std::ios::binary);
    if (!in) throw unreadable(std::generic_category().message(errno));
    std::string yaml{std::istreambuf_iterator<char>(in), {}};
    if (in.bad()) throw unreadable(std::generic_category().message(errno));
    return {.name = file.string(), .yaml = std::move(yaml)};
}

Config load_config(const std::optional<ConfigText>& text, const Environment& environment,
                   const std::vector<Flag>& flags) {
    config::Draft draft;
    config::Problems problems;
    if (text) config::read_config(*text, environment, draft, problems);
    config::apply_environment(environment, draft, problems);
    config::apply_flags(flags, draft, problems);
    Config config = config::finish(std::move(draft), problems);
    problems.throw_if_any();
    return config;
}

}  // namespace proxy
