#include "proxy/config/read_config.hpp"

#include "proxy/config/map_reader.hpp"

namespace proxy::config {
namespace {

// A URL, a list of URLs, or a map with `servers` and the settings.
void read_upstream(const Node& node, const std::string& path, const std::string& name, MapReader& parent,
                   Source& source, Draft& draft) {
    UpstreamConfig upstream;
    upstream.name = name;
    const bool has_settings = node.kind == Node::Kind::map;
    if (has_settings) {
        parent.read_section(node, path, upstream);
    } else {
        parent.read_list(node, path, upstream.servers, Server{});
    }
    if (upstream.servers.empty() && node.kind != Node::Kind::null) {
        source.problem(node.key_line, has_settings ? path + ".servers" : path,
                       "is missing, expected at least one URL such as http://127.0.0.1:9000");
    }
    if (find_upstream(draft, name))
        return source.problem(node.key_line, path, "another upstream is called " + in_quotes(name) + ", expected one");
    draft.config.upstreams.push_back(std::move(upstream));
}

void read_upstreams(MapReader& root, Source& source, Draft& draft) {
    if (const Node* node = root.take("upstream")) read_upstream(*node, "upstream", "default", root, source, draft);
    const Node* named = root.take("upstreams");
    if (!named || !source.expect(Node::Kind::map, *named, "upstreams")) return;
    for (const Node& node : named->children)
        read_upstream(node, "upstreams." + node.key, node.key, root, source, draft);
}

void read_route(const Node& node, const std::string& path, Source& source, Draft& draft) {
    if (!source.expect(Node::Kind::map, node, path)) return;
    DraftRoute draft_route{.path = path, .line = node.line};
    draft_route.route.upstream.clear();
    MapReader map(node, path, source);
    fields(draft_route.route, map);
    map.report_unknown();
    draft_route.own_ttl = map.find("ttl") != nullptr;
    if (const Node* upstream = map.find("upstream")) draft_route.upstream_line = upstream->line;
    draft.routes.push_back(std::move(draft_route));
}

}  // namespace

void read_config(const ConfigText& text, const Environment& environment, Draft& draft, Problems& problems) {
    Source source{text.name, environment, problems};
    Node tree;
    try {
        tree = parse_yaml(text.yaml);
    } catch (const YamlError& error) {
        source.problem(error.line, "", std::string("not YAML: ") + error.what());
        problems.throw_if_any();
    }
    draft.file = text.name;
    if (tree.kind == Node::Kind::null) tree.kind = Node::Kind::map;  // an empty file, or nothing but comments
    if (!source.expect(Node::Kind::map, tree, "")) problems.throw_if_any();

    MapReader root(tree, "", source);
    fields(draft.config, root);
    root.scalar("ttl", draft.ttl, OptionalLifetime{});
    const Node* listen = root.find("listen");
    if (listen && listen->kind == Node::Kind::list && listen->children.empty())
        source.problem(listen->key_line, "listen", "is empty, expected at least one address");
    read_upstreams(root, source, draft);
    const Node* routes = root.take("routes");
    if (routes && source.expect(Node::Kind::list, *routes, "routes")) {
        for (std::size_t i = 0; i < routes->children.size(); ++i)
            read_route(routes->children[i], "routes[" + std::to_string(i) + ']', source, draft);
    }
    root.report_unknown();
}

}  // namespace proxy::config
