#pragma once
// YAML as a plain tree that remembers its lines.

#include <stdexcept>
#include <string>
#include <vector>

namespace proxy::config {

struct Node {
    enum class Kind { null, scalar, list, map };
    Kind kind = Kind::null;
    int line = 0;                  // 1 for the first
    std::string text{};            // of a scalar
    std::vector<Node> children{};  // of a list or a map, in the order of the file
    std::string key{};             // where the parent is a map
    int key_line = 0;
};

struct YamlError : std::runtime_error {
    YamlError(int at, const std::string& what) : std::runtime_error(what), line(at) {}
    int line;
};

// One document, in UTF-8; null where `yaml` is empty. Throws YamlError. Aliases are refused: few lines could then mean
// gigabytes. A key that stands twice in a map is there twice.
[[nodiscard]] Node parse_yaml(const std::string& yaml);

[[nodiscard]] std::string write_yaml(const Node& root);

}  // namespace proxy::config
