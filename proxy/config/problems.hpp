#pragma once
// Everything that is wrong with a configuration, collected so that it can be said at once.

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace proxy::config {

class Problems {
 public:
    // `path` is a dotted key such as routes[0].ttl; it may be empty. A line of 0 stands for the whole file.
    void in_file(const std::string& file, int line, const std::string& path, const std::string& what);

    // `where` is a flag, a variable, or empty.
    void elsewhere(const std::string& where, const std::string& what);

    [[nodiscard]] bool empty() const { return found_.empty(); }

    // Throws ConfigError where there are any: those of the file first, by line.
    void throw_if_any() const;

 private:
    std::multimap<int, std::string> found_;  // by line; in the order they were found where that is the same
};

// `; did you mean "x"?` with the one of `known` that is nearest to `given`; nothing where none is near.
[[nodiscard]] std::string did_you_mean(std::string_view given, const std::vector<std::string>& known);

[[nodiscard]] std::string joined(const std::vector<std::string>& words);  // a, b or c

}  // namespace proxy::config
