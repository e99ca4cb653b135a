#include "proxy/config/print_config.hpp"

#include <optional>

#include "proxy/config/keys.hpp"
#include "proxy/config/variables.hpp"
#include "proxy/config/yaml_tree.hpp"

namespace proxy {
namespace config {
namespace {

Node scalar_node(const std::string& text) { return {.kind = Node::Kind::scalar, .text = escape_variables(text)}; }

class MapWriter {
 public:
    Node map{.kind = Node::Kind::map};

    void add(const std::string& key, Node value) {
        value.key = key;
        map.children.push_back(std::move(value));
    }

    template <class T, class Format>
    void scalar(const char* key, const T& value, const Format& format) {
        add(key, scalar_node(format.write(value)));
    }

    template <class T, class Format>
    void list(const char* key, const std::vector<T>& values, const Format& format) {
        Node list{.kind = Node::Kind::list};
        for (const T& value : values) list.children.push_back(scalar_node(format.write(value)));
        add(key, std::move(list));
    }

    template <class T>
    void section(const char* key, T& value) {
        MapWriter inner;
        fields(value, inner);
        add(key, std::move(inner.map));
    }

    template <class T>
    void section(const char* key, std::optional<T>& value) {
        if (value) return section(key, *value);
        add(key, scalar_node("off"));
    }
};

}  // namespace
}  // namespace config

std::string print_config(Config settings) {
    using config::Node;
    config::MapWriter root;
    config::fields(settings, root);
    config::MapWriter upstreams;
    for (UpstreamConfig& upstream : settings.upstreams) upstreams.section(upstream.name.c_str(), upstream);
    root.add("upstreams", std::move(upstreams.map));
    Node routes{.kind = Node::Kind::list};
    for (RouteConfig& route : settings.routes) {
        config::MapWriter entry;
        config::fields(route, entry);
        routes.children.push_back(std::move(entry.map));
    }
    root.add("routes", std::move(routes));
    return config::write_yaml(root.map);
}

}  // namespace proxy
