#pragma once
// Reads the maps of a file into the structs of config.hpp, as the lists in keys.hpp say. Every mistake is noted with
// its line and reading goes on.

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/config/keys.hpp"
#include "proxy/config/load_config.hpp"
#include "proxy/config/yaml_tree.hpp"

namespace proxy::config {

// What all readers of one file share.
struct Source {
    std::string file;
    const Environment& environment;
    Problems& problems;

    void problem(int line, const std::string& path, const std::string& what) {
        problems.in_file(file, line, path, what);
    }

    // Calls `use` with the scalar's text, variables replaced. What it throws as BadValue becomes a problem.
    void read_scalar(const Node& node, const std::string& path, const std::function<void(std::string_view)>& use);

    // Whether the node is of that kind; else a problem.
    bool expect(Node::Kind kind, const Node& node, const std::string& path);
};

// Sections that may be one word instead of a map.
void short_form(AdminConfig& admin, std::string_view text);
void short_form(RedisConfig& redis, std::string_view text);

// What several keys of a section must agree on. Throws BadValue.
void check(const RedisConfig& redis);

class MapReader {
 public:
    // `path` is empty for the whole file. All must outlive the reader.
    MapReader(const Node& map, std::string path, Source& source);

    template <class T, class Format>
    void scalar(const char* key, T& value, const Format& format) {
        const Node* node = take(key);
        if (!node) return;
        source_.read_scalar(*node, path_of(key), [&](std::string_view text) { format.read(text, value); });
    }

    // One scalar stands for a list of one.
    template <class T, class Format>
    void list(const char* key, std::vector<T>& values, const Format& format) {
        if (const Node* node = take(key)) read_list(*node, path_of(key), values, format);
    }

    template <class T>
    void section(const char* key, T& value) {
        if (const Node* node = take(key)) read_section(*node, path_of(key), value);
    }

    template <class T>
    void section(const char* key, std::optional<T>& value) {
        const Node* node = take(key);
        if (!node) return;
        if (node->kind != Node::Kind::scalar) return read_section(*node, path_of(key), value.emplace());
        source_.read_scalar(*node, path_of(key), [&value](std::string_view text) {
            value.reset();
            if (text != "off") short_form(value.emplace(), text);
        });
    }

    // The value of a key, or null where it is not there. A key that was taken is a known one.
    const Node* take(const char* key);
    [[nodiscard]] const Node* find(const char* key) const;
    [[nodiscard]] std::string path_of(std::string_view key) const;

    // To be called last: notes the keys that nobody took.
    void report_unknown();

    template <class T, class Format>
    void read_list(const Node& node, const std::string& path, std::vector<T>& values, const Format& format) {
        const auto append = [&](const Node& item, const std::string& item_path) {
            T& value = values.emplace_back();
            source_.read_scalar(item, item_path, [&](std::string_view text) { format.read(text, value); });
        };
        values.clear();
        if (node.kind == Node::Kind::scalar) return append(node, path);
        if (!source_.expect(Node::Kind::list, node, path)) return;
        for (std::size_t i = 0; i < node.children.size(); ++i)
            append(node.children[i], path + '[' + std::to_string(i) + ']');
    }

    template <class T>
    void read_section(const Node& node, const std::string& path, T& value) {
        if constexpr (requires { short_form(value, std::string_view{}); }) {
            if (node.kind == Node::Kind::scalar)
                return source_.read_scalar(node, path, [&](std::string_view text) { short_form(value, text); });
        }
        if (!source_.expect(Node::Kind::map, node, path)) return;
        MapReader map(node, path, source_);
        fields(value, map);
        map.report_unknown();
        if constexpr (requires { check(value); }) {
            try {
                check(value);
            } catch (const BadValue& bad) {
                source_.problem(node.key_line, path, bad.what());
            }
        }
    }

 private:
    const Node& map_;
    std::string path_;
    Source& source_;
    std::vector<std::string> known_;
};

}  // namespace proxy::config
